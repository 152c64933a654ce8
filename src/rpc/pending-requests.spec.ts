import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from '../../lib/environment/index.js';
import { RequestTimeoutError } from '../microservices/microservices.errors.js';
import { PendingRequests, type ReplyPacket, type RequestTerms } from './pending-requests.js';

describe('PendingRequests', () => {
  let seen: ReplyPacket[];
  let callbacks: Map<string, (packet: ReplyPacket) => void>;
  let requests: PendingRequests;

  beforeEach(() => {
    jest.useFakeTimers();
    seen = [];
    callbacks = new Map();
    requests = new PendingRequests(systemClock, callbacks);
  });
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  const terms = (timeout: number): RequestTerms => ({ timeout, late: () => new RequestTimeoutError('sum', timeout) });
  const add = (id: string, timeout: number): void => requests.add(id, terms(timeout), (packet) => seen.push(packet));

  it('hands replies over until the last, and knows nothing of the request after it', () => {
    add('a', 100);
    requests.settle('a', { response: 1 });
    requests.settle('a', { response: 2, isDisposed: true });
    requests.settle('a', { response: 3 });
    requests.settle('b', { response: 4 });
    expect(seen).toEqual([{ response: 1 }, { response: 2, isDisposed: true }]);
    expect(callbacks.size).toBe(0);
  });

  it('fails a request that has no reply within its time, which every reply begins anew', () => {
    add('a', 100);
    jest.advanceTimersByTime(99);
    requests.settle('a', { response: 1 });
    jest.advanceTimersByTime(99);
    expect(seen).toHaveLength(1);
    jest.advanceTimersByTime(1);
    expect(seen[1]!.err).toMatchObject({ name: 'RequestTimeoutError', pattern: 'sum', timeout: 100 });
    expect(requests.has('a')).toBe(false);
  });

  it.each([0, Infinity])('waits without end for %p', (timeout) => {
    add('a', timeout);
    jest.advanceTimersByTime(1e9);
    expect(requests.has('a')).toBe(true);
  });

  it('fails each in its own time', () => {
    add('late', 300);
    add('early', 100);
    add('answered', 50);
    requests.settle('answered', { response: 1, isDisposed: true });
    jest.advanceTimersByTime(100);
    expect([...callbacks.keys()]).toEqual(['late']);
    jest.advanceTimersByTime(199);
    expect(requests.has('late')).toBe(true);
    jest.advanceTimersByTime(1);
    expect(requests.has('late')).toBe(false);
  });

  it('gives a request that was begun by one that failed its own time', () => {
    requests.add('a', terms(100), () => add('again', 100));
    add('other', 150);
    jest.advanceTimersByTime(150);
    expect([...callbacks.keys()]).toEqual(['again']);
    jest.advanceTimersByTime(50);
    expect(callbacks.size).toBe(0);
  });

  it('waits as long as it is told, be it for months', () => {
    add('a', 1e10);
    jest.advanceTimersByTime(1e10 - 1);
    expect(requests.has('a')).toBe(true);
    jest.advanceTimersByTime(1);
    expect(requests.has('a')).toBe(false);
  });

  it('forgets a request that nobody waits for', () => {
    add('a', 100);
    requests.forget('a');
    jest.advanceTimersByTime(100);
    expect(seen).toEqual([]);
  });

  it('fails all of them, one that has begun again meanwhile excepted', () => {
    const err = new Error('lost');
    requests.add('a', terms(100), (packet) => {
      seen.push(packet);
      add('again', 100);
    });
    add('b', 100);
    requests.failAll(err);
    expect(seen).toEqual([
      { err, isDisposed: true },
      { err, isDisposed: true },
    ]);
    expect([...callbacks.keys()]).toEqual(['again']);
    requests.forget('again');
  });
});
