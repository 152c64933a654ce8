import { describe, expect, it, jest } from '@jest/globals';
import { EncodingError, PublishNackedError, PublishRefusedError, PublishTimeoutError } from '../../lib/client/index.js';
import { systemClock } from '../../lib/environment/index.js';
import type { DeclaredStaircase } from './declared-staircase.js';
import { DelayedPublisher, type DelaySender } from './delayed-publisher.js';

const message = { exchange: 'orders', routingKey: 'k', body: new Uint8Array(), properties: {}, delay: 1_000 };

function publisher(sender: Partial<DelaySender> = {}, provide = () => Promise.resolve(131_072)) {
  const publish = jest.fn<DelaySender['publish']>().mockResolvedValue(1);
  const staircase = { provide: jest.fn(provide), forget: jest.fn() };
  const all = { clock: systemClock, isAvailable: () => true, publish, ...sender };
  const delayed = new DelayedPublisher(staircase as unknown as DeclaredStaircase, all);
  return { delayed, publish, staircase };
}

describe('DelayedPublisher', () => {
  it('publishes to the highest level, with a header for each level and the routing key of the message', async () => {
    const { delayed, publish } = publisher();
    expect(await delayed.publish({ ...message, delay: 1_250, properties: { headers: { a: 1 } } })).toBe(1);
    const headers = {
      a: 1,
      'x-nest-amqp-delay-to': 'exchange.orders',
      'x-nest-amqp-delay-3': true,
      'x-nest-amqp-delay-1': true,
    };
    expect(publish.mock.calls).toEqual([['nest-amqp.delay.level-3', 'k', message.body, { headers, mandatory: true }]]);
  });

  it('tries again after a nack, since a new quorum queue may take no messages yet, and gives up after three', async () => {
    const { delayed, publish, staircase } = publisher();
    publish.mockRejectedValueOnce(new PublishNackedError('not ready'));
    expect(await delayed.publish(message)).toBe(1);
    expect(staircase.forget).toHaveBeenCalledTimes(1);
    publish.mockRejectedValue(new PublishNackedError('never'));
    await expect(delayed.publish(message)).rejects.toThrow('never');
    expect(publish).toHaveBeenCalledTimes(2 + 3);
  });

  it('rejects at its timeout or signal while the staircase cannot be declared', async () => {
    const { delayed, publish } = publisher({ timeout: 5 }, () => new Promise<number>(() => {}));
    const failure = await delayed.publish(message).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PublishTimeoutError);
    expect(failure).toMatchObject({ outcome: 'not-sent' });
    const reason = new Error('enough');
    const properties = { timeout: Infinity, signal: AbortSignal.abort(reason) };
    await expect(delayed.publish({ ...message, properties })).rejects.toBe(reason);
    expect(publish).not.toHaveBeenCalled();
  });

  it("rejects at once without a connection, with whenUnavailable: 'fail'", async () => {
    const { delayed, staircase } = publisher({ whenUnavailable: 'fail', isAvailable: () => false });
    await expect(delayed.publish(message)).rejects.toThrow(PublishRefusedError);
    expect(staircase.provide).not.toHaveBeenCalled();
  });

  it('refuses headers that would outgrow a frame on their way', async () => {
    const { delayed, publish } = publisher({}, () => Promise.resolve(4_096));
    await expect(delayed.publish({ ...message, properties: { headers: { long: 'x'.repeat(3_900) } } })).rejects.toThrow(
      EncodingError,
    );
    expect(publish).not.toHaveBeenCalled();
  });
});
