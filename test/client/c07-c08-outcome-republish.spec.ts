import { describe, expect, it } from '@jest/globals';
import {
  ChannelClosedError,
  ConnectionLostError,
  PublishNackedError,
  type Connection,
  type Delivery,
} from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe("C7 outcome 'unknown' when a connection is lost", () => {
  const harness = useClientHarness();

  it('C7 sent and unconfirmed is unknown, unsent is not-sent, refused is neither', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ reconnect: false });
    const channel = await connection.openChannel({ confirm: true, maxUnconfirmed: 1 });
    const queue = harness.name();
    await channel.queueDeclare(queue, {
      exclusive: true,
      arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    });
    await channel.publish('', queue, 'fits');
    const refused = await errorOf(channel.publish('', queue, 'refused'));
    expect(refused).toBeInstanceOf(PublishNackedError);
    expect(refused).not.toHaveProperty('outcome', 'unknown');

    proxy.stall('toClient');
    const sent = errorOf<ConnectionLostError>(channel.publish('', queue, 'sent'));
    const unsent = errorOf<ConnectionLostError>(channel.publish('', queue, 'waits behind it'));
    proxy.cut();
    expect(await sent).toBeInstanceOf(ConnectionLostError);
    expect((await sent).outcome).toBe('unknown');
    expect((await unsent).outcome).toBe('not-sent');
  });

  it('C7 a call under way at the loss is unknown as well; one after the loss is not-sent', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ reconnect: false });
    const channel = await connection.openChannel();
    proxy.stall('toClient');
    const call = errorOf<ConnectionLostError>(channel.queueDeclare(harness.name(), { exclusive: true }));
    proxy.cut();
    expect(await call).toBeInstanceOf(ConnectionLostError);
    expect((await call).outcome).toBe('unknown');
    const late = await errorOf<ChannelClosedError>(channel.queueDeclare('q'));
    expect(late).toBeInstanceOf(ChannelClosedError);
    expect(late.outcome).toBe('not-sent');
  });

  it('C7 publishes under a channel error of another call are unknown, with the broker’s error as the cause', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const [queue, missing] = [harness.name(), harness.name('x')];
    await channel.queueDeclare(queue, { exclusive: true });
    proxy.stall('toClient');
    const innocent = channel.publish('', queue, 'x').then(
      () => undefined,
      (error: unknown) => error as ChannelClosedError,
    );
    const guilty = errorOf(channel.publish(missing, 'k', 'x'));
    proxy.resume();
    expect(await guilty).toMatchObject({ name: 'NotFoundError', replyCode: 404 });
    const error = await innocent;
    // The broker may have confirmed it before it closed the channel.
    if (error)
      expect(error).toMatchObject({ name: 'ChannelClosedError', outcome: 'unknown', cause: { replyCode: 404 } });
  });
});

describe('C8 republish of unconfirmed messages', () => {
  const harness = useClientHarness();

  async function stalled(republishUnconfirmed: boolean) {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, republishUnconfirmed });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    const inbox = new Inbox<Delivery>();
    const reader = await (await harness.connect()).openChannel();
    await reader.basicConsume(queue, inbox.add, { noAck: true });
    return { connection, proxy, channel, queue, inbox };
  }

  async function back(connection: Connection, lose: () => void): Promise<void> {
    const reconnected = eventOf(connection, 'reconnected');
    lose();
    await reconnected;
  }

  it('C8 the promises stay pending over the loss: at least once', async () => {
    const { connection, proxy, channel, queue, inbox } = await stalled(true);
    proxy.stall('toClient');
    const publishes = Array.from({ length: 20 }, (_, n) => channel.publish('', queue, `${n}`, { messageId: `${n}` }));
    await inbox.take(20); // the messages have arrived, and no confirm has
    proxy.resume('toServer');
    const reconnected = back(connection, () => {
      proxy.cut();
      proxy.resume();
    });
    await reconnected;
    await Promise.all(publishes);
    const again = await inbox.take(20);
    expect(again.map(({ properties }) => properties.messageId)).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`));
  });

  it('C8 messages that never reached the broker arrive in order, before later publishes', async () => {
    const { connection, proxy, channel, queue, inbox } = await stalled(true);
    proxy.stall('toServer');
    const publishes = [1, 2, 3].map((n) => channel.publish('', queue, `${n}`));
    proxy.resume('toClient');
    const reconnected = eventOf(connection, 'reconnected');
    const lost = eventOf(connection, 'disconnected');
    proxy.cut();
    await lost;
    publishes.push(channel.publish('', queue, '4'));
    proxy.resume();
    await reconnected;
    await Promise.all(publishes);
    expect((await inbox.take(4)).map((delivery) => delivery.text())).toEqual(['1', '2', '3', '4']);
  });

  it('C8 off by default: unknown, and nothing is sent twice', async () => {
    const { connection, proxy, channel, queue, inbox } = await stalled(false);
    proxy.stall('toClient');
    const publish = errorOf<ConnectionLostError>(channel.publish('', queue, 'once'));
    await inbox.next();
    await back(connection, () => {
      proxy.cut();
      proxy.resume();
    });
    expect((await publish).outcome).toBe('unknown');
    await channel.publish('', queue, 'end');
    expect((await inbox.next()).text()).toBe('end');
  });
});
