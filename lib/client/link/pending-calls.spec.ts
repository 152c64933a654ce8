import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from '../../environment/index.js';
import { ConnectionLostError } from '../errors.js';
import { PendingCalls } from './pending-calls.js';

const LOST = new ConnectionLostError('lost', 'unknown');
const declare = { queue: 'q', passive: false, durable: true, exclusive: false, autoDelete: false, noWait: false, arguments: {} }; // prettier-ignore

describe('PendingCalls', () => {
  let sent: string[];
  let calls: PendingCalls;
  let nextTag: number;

  beforeEach(() => {
    jest.useFakeTimers();
    [sent, nextTag] = [[], 1];
    calls = new PendingCalls(
      (name) => void sent.push(name),
      systemClock,
      1_000,
      () => nextTag,
    );
  });
  afterEach(() => {
    // Whatever the end of a call: its timer goes with it.
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('answers in the order of the calls, each with a reply of its own', async () => {
    const [first, get, second] = [
      calls.call('queue.declare', declare),
      calls.call('basic.get', { queue: 'q', noAck: true }),
      calls.call('queue.declare', declare),
    ];
    expect(sent).toEqual(['queue.declare', 'basic.get', 'queue.declare']);
    expect(calls.settle('queue.declareOk', 1)).toBe(true);
    expect(calls.settle('queue.declareOk', 2)).toBe(true);
    expect(calls.settle('queue.declareOk', 3)).toBe(false);
    expect(calls.settle('basic.getEmpty', 4)).toBe(true);
    await expect(Promise.all([first, get, second])).resolves.toEqual([1, 4, 2]);
    expect(calls.waiting).toBe(false);
  });

  it('ends by its deadline, and takes the answer that still comes: no later call gets it', async () => {
    const replies: unknown[] = [];
    const late = calls.call('queue.declare', declare, { timeout: 50 }, (reply, abandoned) => replies.push([reply, abandoned])); // prettier-ignore
    const next = calls.call('queue.declare', declare);
    const failed = late.catch(String);
    await jest.advanceTimersByTimeAsync(50);
    expect(await failed).toContain('queue.declare: no answer within 50 ms');
    expect(calls.settle('queue.declareOk', 'of the first')).toBe(true);
    expect(calls.settle('queue.declareOk', 'of the second')).toBe(true);
    await expect(next).resolves.toBe('of the second');
    expect(replies).toEqual([['of the first', true]]);
  });

  it('begins the default deadline anew with each answer, since the broker answers in order', async () => {
    const [first, second, third] = [1, 2, 3].map(() => calls.call('queue.declare', declare));
    const own = calls.call('queue.declare', declare, { timeout: 1_500 });
    const [failedThird, failedOwn] = [third!, own].map((call) => call.catch(String));
    await jest.advanceTimersByTimeAsync(800);
    calls.settle('queue.declareOk', 1);
    await jest.advanceTimersByTimeAsync(800);
    expect(await failedOwn).toContain('queue.declare: no answer within 1500 ms');
    calls.settle('queue.declareOk', 2);
    await expect(Promise.all([first, second])).resolves.toEqual([1, 2]);
    await jest.advanceTimersByTimeAsync(999);
    const sentLast = calls.call('queue.declare', declare).catch(String);
    await jest.advanceTimersByTimeAsync(1);
    expect(await failedThird).toContain('queue.declare: no answer within 1000 ms');
    expect(jest.getTimerCount()).toBe(1);
    await jest.advanceTimersByTimeAsync(999);
    expect(await sentLast).toContain('no answer within 1000 ms');
  });

  it('has the default deadline, and none with Infinity', async () => {
    const usual = calls.call('queue.declare', declare);
    const endless = calls.call('queue.declare', declare, { timeout: Infinity });
    const failed = usual.catch(String);
    await jest.advanceTimersByTimeAsync(100_000);
    expect(await failed).toContain('no answer within 1000 ms');
    calls.fail(LOST);
    await expect(endless).rejects.toBe(LOST);
  });

  it('ends with the signal, and listens to it no longer than the call lasts', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const aborted = calls.call('queue.declare', declare, { signal: stop.signal });
    const failed = aborted.catch((error: unknown) => error);
    stop.abort(reason);
    expect(await failed).toBe(reason);
    await expect(calls.call('queue.declare', declare, { signal: stop.signal })).rejects.toBe(reason);
    expect(sent).toEqual(['queue.declare']);
  });

  it('sends nothing when it cannot be written, and waits for nothing then', async () => {
    const refusing = new PendingCalls(() => { throw LOST; }, systemClock, 1_000); // prettier-ignore
    await expect(refusing.call('queue.declare', declare)).rejects.toBe(LOST);
    expect(refusing.waiting).toBe(false);
    await expect(calls.call('queue.declare', declare, { timeout: -1 })).rejects.toThrow('timeout');
  });

  it('takes an answer that comes from within the write', async () => {
    const instant: PendingCalls = new PendingCalls(
      () => void instant.settle('queue.declareOk', 'at once'),
      systemClock,
      9,
    );
    await expect(instant.call('queue.declare', declare)).resolves.toBe('at once');
  });

  it('rejects with what makes the result of the reply, when that throws', async () => {
    const failing = calls.call('queue.declare', declare, {}, () => {
      throw LOST;
    });
    expect(calls.settle('queue.declareOk', 1)).toBe(true);
    await expect(failing).rejects.toBe(LOST);
  });

  it('gives the error to the call that is to blame, another to those behind it, and tells what was published behind it', async () => {
    const refused = new Error('404');
    nextTag = 7;
    const outcomes = Promise.allSettled([calls.call('queue.declare', declare), calls.call('queue.declare', declare)]);
    expect(calls.fail(refused, LOST, 'queue.declare')).toBe(7);
    expect((await outcomes).map((outcome) => (outcome as PromiseRejectedResult).reason as unknown)).toEqual([refused, LOST]); // prettier-ignore
    const other = Promise.allSettled([calls.call('queue.declare', declare)]);
    expect(calls.fail(refused, LOST, 'basic.publish')).toBeUndefined();
    expect(await other).toEqual([{ status: 'rejected', reason: LOST }]);
  });
});
