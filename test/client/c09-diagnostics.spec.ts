import { afterEach, describe, expect, it } from '@jest/globals';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type {
  ConfirmMessage,
  ConfirmTime,
  ConnectMessage,
  Delivery,
  DeliverMessage,
  PublishMessage,
  SettleMessage,
} from '../../lib/client/index.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('C9 node:diagnostics_channel events', () => {
  const harness = useClientHarness();
  const subscriptions: [string, (message: unknown) => void][] = [];
  afterEach(() => {
    for (const [name, listener] of subscriptions.splice(0)) unsubscribe(name, listener);
  });

  function listen<T>(name: string, fits: (message: T) => boolean = () => true): T[] {
    const seen: T[] = [];
    const listener = (message: unknown): void => {
      if (fits(message as T)) seen.push(message as T);
    };
    subscribe(`nest-amqp:${name}`, listener);
    subscriptions.push([`nest-amqp:${name}`, listener]);
    return seen;
  }

  it('C9 connect: every link, including reconnects', async () => {
    const connects = listen<ConnectMessage>('connect', ({ connectionName }) => connectionName === 'c9');
    const { connection, proxy } = await harness.connectThroughProxy({ connectionName: 'c9' });
    const address = `127.0.0.1:${proxy.port}`;
    expect(connects).toEqual([{ address, connectionName: 'c9' }]);
    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    await back;
    expect(connects).toHaveLength(2);
    expect(sharedRabbit().url).not.toContain(address);
  });

  it('C9 confirm-time: publishes that the broker has confirmed, each while they are few', async () => {
    const connection = await harness.connect({ connectionName: 'c9-times' });
    const [confirming, plain] = [await connection.openChannel({ confirm: true }), await connection.openChannel()];
    const queue = harness.name();
    await confirming.queueDeclare(queue, { exclusive: true });
    const times = listen<ConfirmTime>('confirm-time', ({ peer }) => peer?.connectionName === 'c9-times');
    await confirming.publish('', queue, 'one');
    await plain.publish('', queue, 'unconfirmed');
    await errorOf(confirming.publish('', `${queue}.nowhere`, 'returned', { mandatory: true }));
    await confirming.publish('', queue, 'two');
    const { peer } = times[0]!;
    expect(peer).toMatchObject({ connectionName: 'c9-times', vhost: expect.any(String) });
    const time = { peer, ms: expect.any(Number), weight: 1 };
    expect(times).toEqual([time, time]);
    for (const { ms } of times) expect(ms).toBeGreaterThan(0);
  });

  it('C9 publish, confirm, deliver, settle', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    const args = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
    await channel.queueDeclare(queue, { exclusive: true, arguments: args });
    const ours = ({ routingKey }: { routingKey: string }): boolean => routingKey.startsWith(queue);
    const publishes = listen<PublishMessage>('publish', ours);
    const confirms = listen<ConfirmMessage>('confirm', ours);
    const delivers = listen<DeliverMessage>('deliver', (message) => message.queue === queue);
    const settles = listen<SettleMessage>('settle', ({ delivery }) => ours(delivery));

    await channel.publish('', queue, 'one', { messageId: 'id' });
    expect(publishes).toHaveLength(1);
    expect(publishes[0]).toMatchObject({ exchange: '', routingKey: queue, size: 3, properties: { messageId: 'id' } });
    await errorOf(channel.publish('', queue, 'nacked'));
    await errorOf(channel.publish('', `${queue}.nowhere`, 'returned', { mandatory: true }));
    expect(confirms.map(({ outcome }) => outcome).filter((outcome, n) => n < 3)).toEqual(['ack', 'nack', 'return']);

    const inbox = new Inbox<Delivery>();
    const consumer = await channel.basicConsume(queue, (delivery) => {
      // The event precedes the handler.
      expect(delivers.at(-1)!.delivery).toBe(delivery);
      inbox.add(delivery);
    });
    const first = await inbox.next();
    first.nack();
    const second = await inbox.next();
    await consumer.cancel();
    second.reject();
    expect(settles.map(({ delivery, outcome }) => [delivery.deliveryTag, outcome])).toEqual([
      [first.deliveryTag, 'requeue'],
      [second.deliveryTag, 'reject'],
    ]);
    await channel.publish('', queue, 'two');
    (await channel.basicGet(queue))!.ack();
    expect(settles.at(-1)!.outcome).toBe('ack');
    expect(delivers).toHaveLength(2);
  });
});
