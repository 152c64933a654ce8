import { describe, expect, it } from '@jest/globals';
import { connect, ConfigurationError, type Channel, type Delivery } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

const NO_NUMBERS = [-1, NaN, -Infinity, 1.5, '5', null, {}] as unknown as number[];

describe('K6 6.4 invalid numbers are refused, and Infinity means no limit', () => {
  const harness = useClientHarness();

  it('K6 6.4 consume: concurrency and prefetch', async () => {
    const channel = await (await harness.connect()).openChannel();
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    const wrong = [
      ...[0, ...NO_NUMBERS].map((concurrency) => ({ concurrency })),
      ...[65_536, ...NO_NUMBERS].map((prefetch) => ({ prefetch })),
    ];
    for (const options of wrong) {
      const error = await errorOf(channel.basicConsume(queue, () => undefined, options));
      expect([options, error]).toEqual([options, expect.any(ConfigurationError)]);
      expect(error.message).toMatch(new RegExp(`${Object.keys(options)[0]} must be a whole number`));
    }
    for (const prefetch of [65_536, ...NO_NUMBERS]) {
      expect(await errorOf(channel.consume(queue, { prefetch }).next())).toBeInstanceOf(ConfigurationError);
    }
    expect(channel.isOpen).toBe(true);
  });

  it('K6 6.4 Infinity as concurrency, as prefetch of a consumer, a channel and basicQos: no limit', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ prefetch: Infinity, confirm: true });
    await channel.basicQos(Infinity);
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    const inbox = new Inbox<Delivery>();
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const handler = (delivery: Delivery): Promise<void> => (inbox.add(delivery), ended);
    await channel.basicConsume(queue, handler, { prefetch: Infinity, concurrency: Infinity });
    for (let n = 0; n < 300; n++) void channel.publish('', queue, `${n}`);
    expect(await inbox.take(300)).toHaveLength(300);
    end();
  });

  it('K6 6.4 channel options', async () => {
    const connection = await harness.connect();
    const wrong = ['prefetch', 'restoreAttempts', 'maxUnconfirmed', 'maxWaiting', 'maxWaitingBytes'].flatMap((name) =>
      [...NO_NUMBERS, ...(name === 'prefetch' ? [65_536] : [])]
        .filter((value) => value !== null)
        .map((value) => ({ [name]: value })),
    );
    for (const options of [...wrong, { maxUnconfirmed: 0 }, { restoreAttempts: 0 }]) {
      const error = await errorOf(connection.openChannel(options));
      expect([options, error]).toEqual([options, expect.any(ConfigurationError)]);
    }
    const limitless = { restoreAttempts: Infinity, maxUnconfirmed: Infinity, maxWaiting: Infinity };
    const channel: Channel = await connection.openChannel({ ...limitless, maxWaitingBytes: Infinity });
    expect(channel.id).toBe(1);
  });

  it('K6 6.4 connection options', async () => {
    const names = ['frameMax', 'channelMax', 'maxMessageSize', 'writeBufferSize'];
    const wrong = names.flatMap((name) =>
      NO_NUMBERS.filter((value) => value !== null).map((value) => ({ [name]: value })),
    );
    for (const options of [...wrong, { channelMax: 65_536 }, { channelMax: 0 }, { frameMax: 2 ** 32 }]) {
      const error = await errorOf(connect('amqp://localhost:1', options));
      expect([options, error]).toEqual([options, expect.any(ConfigurationError)]);
    }
  });

  it('K6 6.4 publish: an unknown delivery mode; heartbeatTick: an invalid rate', async () => {
    const connection = await harness.connect({ heartbeat: { interval: 60, mode: 'manual' } });
    const channel = await connection.openChannel();
    for (const deliveryMode of [0, 3, 255]) {
      expect(await errorOf(channel.publish('', 'q', '', { deliveryMode }))).toBeInstanceOf(ConfigurationError);
    }
    for (const rate of [0, -1, NaN, '2'] as number[]) {
      expect(() => connection.heartbeatTick(rate)).toThrow(ConfigurationError);
    }
    expect(channel.isOpen).toBe(true);
  });
});
