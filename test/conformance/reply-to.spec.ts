import { describe, expect, it } from '@jest/globals';
import { eventually, useLab } from './support/lab.js';
import { Inbox } from '../support/inbox.js';
import type { Delivery } from '../../lib/client/index.js';

const REPLY_TO = 'amq.rabbitmq.reply-to';

describe('direct reply-to', () => {
  const lab = useLab();

  it('routes a reply from any connection to the requesting channel; the address is opaque', async () => {
    const [client, server] = [await lab.channel(), await lab.channel({ confirm: true })];
    const queue = await lab.queue(server);
    const replies = await lab.consume(client, REPLY_TO, { noAck: true });
    await client.publish('', queue, 'ping', { replyTo: REPLY_TO, correlationId: '1' });
    const request = await eventually(() => server.basicGet(queue, { noAck: true }));
    const { replyTo } = request.properties;
    expect(replyTo).toMatch(/^amq\.rabbitmq\.reply-to\../);
    await server.publish('', replyTo!, 'pong', { correlationId: '1' });
    const reply = await replies.next();
    expect([reply.text(), reply.properties.correlationId, reply.exchange, reply.routingKey]).toEqual([
      'pong',
      '1',
      '',
      replyTo,
    ]);
  });

  it('is not a queue: a mandatory reply arrives, and is returned too', async () => {
    const [client, server] = [await lab.channel({ confirm: true }), await lab.channel({ confirm: true })];
    const queue = await lab.queue(server);
    const replies = await lab.consume(client, REPLY_TO, { noAck: true });
    await client.publish('', queue, 'ping', { replyTo: REPLY_TO });
    const { replyTo } = (await server.basicGet(queue, { noAck: true }))!.properties;
    await expect(server.publish('', replyTo!, 'pong', { mandatory: true })).rejects.toThrow('NO_ROUTE');
    expect((await replies.next()).text()).toBe('pong');
  });

  it('the address is the same for all requests of a channel', async () => {
    const channel = await lab.channel({ confirm: true });
    const queue = await lab.queue(channel);
    await lab.consume(channel, REPLY_TO, { noAck: true });
    for (let count = 0; count < 2; count++) await channel.publish('', queue, 'x', { replyTo: REPLY_TO });
    const [one, two] = [await channel.basicGet(queue), await channel.basicGet(queue)];
    expect(one!.properties.replyTo).toBe(two!.properties.replyTo);
  });

  it('a reply to a requester that has gone is unroutable', async () => {
    const [client, server] = [await lab.channel({ confirm: true }), await lab.channel({ confirm: true })];
    const queue = await lab.queue(server);
    await lab.consume(client, REPLY_TO, { noAck: true });
    await client.publish('', queue, 'x', { replyTo: REPLY_TO });
    const { replyTo } = (await server.basicGet(queue, { noAck: true }))!.properties;
    await client.close();
    await expect(server.publish('', replyTo!, 'late', { mandatory: true })).rejects.toThrow('NO_ROUTE');
  });

  it('a passive declaration of the address succeeds only while the requester waits', async () => {
    const [client, server] = [await lab.channel({ confirm: true }), await lab.channel()];
    const queue = await lab.queue(server);
    await lab.consume(client, REPLY_TO, { noAck: true });
    await client.publish('', queue, 'x', { replyTo: REPLY_TO });
    const { replyTo } = (await server.basicGet(queue, { noAck: true }))!.properties;
    await server.queueDeclare(replyTo!, { passive: true });
    await client.close();
    expect(await lab.refusal(server.queueDeclare(replyTo!, { passive: true }))).toMatch(/^channel 404/);
  });

  it('a cancelled reply consumer receives no more replies, and may be started again', async () => {
    const channel = await lab.channel({ confirm: true });
    const inbox = new Inbox<Delivery>();
    const consumer = await channel.basicConsume(REPLY_TO, inbox.add, { noAck: true });
    await consumer.cancel();
    await channel.basicConsume(REPLY_TO, inbox.add, { noAck: true });
  });

  it.each([
    ['with acknowledgements', [false], 'reply consumer cannot acknowledge'],
    ['twice', [true, true], 'reply consumer already set'],
  ] as const)('does not consume %s', async (_, noAcks, text) => {
    const client = await lab.raw();
    noAcks.forEach((noAck, index) =>
      client.send(1, 'basic.consume', { queue: REPLY_TO, noAck, consumerTag: `${index}` }),
    );
    expect(await client.refusal()).toBe(`channel 406 by basic.consume: PRECONDITION_FAILED - ${text}`);
  });

  it('needs a consumer before a request is sent', async () => {
    const channel = await lab.channel({ confirm: true });
    expect(await lab.refusal(channel.publish('', 'q', 'x', { replyTo: REPLY_TO }))).toBe(
      'channel 406 by basic.publish: PRECONDITION_FAILED - fast reply consumer does not exist',
    );
  });

  it('basic.get finds no queue', async () => {
    const channel = await lab.channel();
    expect(await lab.refusal(channel.basicGet(REPLY_TO))).toMatch(/^channel 40\d by basic.get/);
  });
});
