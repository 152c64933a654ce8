import { describe, expect, it } from '@jest/globals';
import type { Channel, Delivery } from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

const REPLY_TO = 'amq.rabbitmq.reply-to';

describe('B9 direct reply-to', () => {
  const harness = useClientHarness();

  async function responder(channel: Channel): Promise<string> {
    const queue = harness.name();
    await channel.queueDeclare(queue);
    await channel.basicConsume(
      queue,
      async (delivery) => {
        const { replyTo, correlationId } = delivery.properties;
        await channel.publish('', replyTo!, `re: ${delivery.text()}`, { correlationId });
      },
      { noAck: true },
    );
    return queue;
  }

  it('B9 replies arrive without a queue, many at once, and after a reconnect', async () => {
    const queue = await responder(await (await harness.connect()).openChannel());
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel();
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(REPLY_TO, inbox.add, { noAck: true });
    const ask = async (round: string): Promise<void> => {
      for (let n = 0; n < 20; n++) {
        await channel.publish('', queue, `${n}`, { replyTo: REPLY_TO, correlationId: `${round}${n}` });
      }
      const replies = await inbox.take(20);
      expect(replies.map(({ properties }) => properties.correlationId)).toEqual(
        Array.from({ length: 20 }, (_, n) => `${round}${n}`),
      );
      expect(replies[7]!.text()).toBe('re: 7');
    };
    await ask('a');
    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    await back;
    await ask('b');
  });

  it('B9 replies and deliveries that need an ack share a channel', async () => {
    const queue = await responder(await (await harness.connect()).openChannel());
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const [work, replies, plain] = [harness.name(), new Inbox<Delivery>(), new Inbox<Delivery>()];
    await channel.queueDeclare(work, { exclusive: true });
    const tasks = new Inbox<Delivery>();
    await channel.basicConsume(REPLY_TO, replies.add, { noAck: true });
    await channel.basicConsume(work, tasks.add);
    const automatic = harness.name();
    await channel.queueDeclare(automatic, { exclusive: true });
    await channel.basicConsume(automatic, plain.add, { noAck: true });
    for (let n = 0; n < 5; n++) {
      await channel.publish('', queue, `${n}`, { replyTo: REPLY_TO });
      await replies.next();
      await channel.publish('', automatic, `${n}`);
      await plain.next();
      await channel.publish('', work, `${n}`);
    }
    for (const delivery of await tasks.take(5)) delivery.ack();
    await channel.close();
    const other = await (await harness.connect()).openChannel();
    expect(await errorOf(other.queueDeclare(work, { passive: true }))).toMatchObject({ name: 'ResourceLockedError' });
    expect(harness.warnings).toEqual([]);
  });

  it('B9 a request without the consumer rejects with the broker’s typed error', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const error = await errorOf(channel.publish('', harness.name(), 'x', { replyTo: REPLY_TO }));
    expect(error).toMatchObject({ name: 'PreconditionFailedError', replyCode: 406, method: 'basic.publish' });
  });

  it('B9 a consumer with acknowledgement is refused: replies are never acknowledged', async () => {
    const channel = await (await harness.connect()).openChannel();
    const error = await errorOf(channel.basicConsume(REPLY_TO, () => undefined));
    expect(error).toMatchObject({ name: 'PreconditionFailedError', method: 'basic.consume' });
  });
});
