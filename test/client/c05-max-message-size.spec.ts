import { describe, expect, it } from '@jest/globals';
import { ContentTooLargeError, type Delivery, type DeliveryHandler } from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('C5 a maximum inbound message size', () => {
  const harness = useClientHarness();

  async function setup(maxMessageSize: number) {
    const publisher = await (await harness.connect()).openChannel({ confirm: true });
    const connection = await harness.connect({ maxMessageSize });
    const channel = await connection.openChannel({ prefetch: 1 });
    const [queue, dead] = [harness.name(), harness.name()];
    await publisher.queueDeclare(dead);
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead };
    await publisher.queueDeclare(queue, { arguments: args });
    return { publisher, channel, queue, dead };
  }

  it('C5 a larger message is rejected unbuffered, reported, and dead-lettered; the next ones arrive', async () => {
    const { publisher, channel, queue, dead } = await setup(1_000);
    const inbox = new Inbox<Delivery>();
    const handler: DeliveryHandler = (delivery) => {
      inbox.add(delivery);
      delivery.ack();
    };
    const told = eventOf<[{ routingKey: string }, number]>(channel, 'tooLarge');
    await channel.basicConsume(queue, handler);
    await publisher.publish('', queue, Buffer.alloc(1_000));
    await publisher.publish('', queue, Buffer.alloc(300_000));
    await publisher.publish('', queue, 'after');

    const [info, size] = await told;
    expect([info.routingKey, size]).toEqual([queue, 300_000]);
    expect((await inbox.take(2)).map(({ body }) => body.length)).toEqual([1_000, 5]);
    const rejected = (await publisher.basicGet(dead, { noAck: true }))!;
    expect(rejected.body.length).toBe(300_000);
    expect(rejected.properties.headers!['x-first-death-reason']).toBe('rejected');
    expect(harness.warnings.join()).toMatch(/300000 bytes; maxMessageSize is 1000/);
  });

  it('C5 basic.get: its call rejects, the channel stays open', async () => {
    const { publisher, channel, queue } = await setup(10);
    await publisher.publish('', queue, 'eleven bytes');
    await publisher.publish('', queue, 'ten');
    const returned = await errorOf(channel.basicGet(queue));
    expect(returned).toBeInstanceOf(ContentTooLargeError);
    expect(returned.message).toMatch(/was returned to its queue; raise maxMessageSize to get it$/);
    // The other connection has a larger limit.
    const whole = (await publisher.basicGet(queue))!;
    expect([whole.text(), whole.redelivered]).toEqual(['eleven bytes', true]);
    whole.nack({ requeue: true });
    await publisher.queueDeclare(queue, { passive: true });
    const lost = await errorOf(channel.basicGet(queue, { noAck: true }));
    expect(lost).toBeInstanceOf(ContentTooLargeError);
    expect(lost.message).toMatch(/is lost: with noAck/);
    expect((await channel.basicGet(queue, { noAck: true }))!.text()).toBe('ten');
  });

  it('C5 the size in a content header allocates nothing', async () => {
    const server = await harness.server(async (peer) => {
      await peer.handshake({ frameMax: 131_072 });
      const channel = await peer.acceptChannel();
      await peer.acceptConsumer('tag');
      peer.agreeToClose();
      const args = { consumerTag: 'tag', deliveryTag: 1, redelivered: false, exchange: '', routingKey: '' };
      peer.send(channel, 'basic.deliver', args);
      const header = Buffer.alloc(14);
      header.writeUInt16BE(60, 0);
      header.writeBigUInt64BE(100n * 1024n * 1024n * 1024n, 4);
      peer.raw(Buffer.concat([Buffer.of(2, 0, channel, 0, 0, 0, 14), header, Buffer.of(0xce)]));
      peer.send(channel, 'channel.flow', { active: true });
    });
    const before = process.memoryUsage();
    const connection = await harness.connect({ urls: server.url, reconnect: false, maxMessageSize: Infinity });
    const channel = await connection.openChannel();
    await channel.basicConsume('q', () => undefined).catch(() => undefined);
    await connection.closed; // a method within a content is refused with 505
    const after = process.memoryUsage();
    expect(after.external + after.arrayBuffers - before.external - before.arrayBuffers).toBeLessThan(32 * 1024 * 1024);
  });
});
