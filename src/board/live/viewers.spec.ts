import type { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { BoardRequestError } from '../board.errors.js';
import { Viewers } from './viewers.js';

/** A response whose client reads or not. */
class FakeResponse extends EventEmitter {
  readonly written: string[] = [];
  writableNeedDrain = false;
  readonly writeHead = (): this => this;
  readonly write = (bytes: Buffer): boolean => this.written.push(bytes.toString()) > 0;
  readonly end = (): boolean => this.emit('close');
}

describe('Viewers', () => {
  let log: string[];
  let timers: (() => void)[];
  let topology: object;
  let snapshot: object;
  let viewers: Viewers;
  const join = (): FakeResponse => {
    const response = new FakeResponse();
    viewers.add(response as unknown as ServerResponse);
    return response;
  };
  const second = (): void => timers.pop()!();

  beforeEach(() => {
    [log, timers] = [[], []];
    topology = [];
    snapshot = { at: 1 };
    const clock = {
      after: (_: number, run: () => void) => {
        timers.push(run);
        return () => void (timers = timers.filter((other) => other !== run));
      },
    };
    viewers = new Viewers(clock, {
      begin: () => log.push('begin'),
      end: () => log.push('end'),
      snapshot: () => {
        log.push('snapshot');
        return snapshot;
      },
      topology: () => topology,
      failuresAfter: (number) => (number < 1 ? [{ number: 1 } as never] : []),
    });
  });

  it('does nothing without viewers', () => {
    expect([log, timers]).toEqual([[], []]);
    join().end();
    expect(log).toEqual(['begin', 'snapshot', 'end']);
    expect(timers).toEqual([]);
  });

  it('makes one snapshot a second for all viewers, who get the same bytes', () => {
    const all = Array.from({ length: 10 }, join);
    log = [];
    second();
    expect(log).toEqual(['snapshot']);
    expect(new Set(all.map(({ written }) => written.at(-1))).size).toBe(1);
    expect(timers).toHaveLength(1);
  });

  it('tells those who got the snapshot before only what has changed', () => {
    const busy = { consumers: [{ perSecond: 5 }], queues: [] };
    snapshot = { at: 1, ...busy, instances: undefined };
    const { written } = join();
    const next = (now: object): string => {
      snapshot = now;
      second();
      return written.at(-1)!;
    };
    next({ at: 2, ...busy });
    expect(next({ at: 3, ...busy })).toBe('event: change\ndata: {"at":3}\n\n');
    expect(next({ at: 4, ...busy, queues: [1] })).toBe('event: change\ndata: {"at":4,"queues":[1]}\n\n');
    expect(next({ at: 4, ...busy, queues: [1] })).toBe('event: change\ndata: {}\n\n');
  });

  it('tells the whole snapshot to those who come or have missed one', () => {
    const slow = join();
    second();
    second();
    slow.writableNeedDrain = true;
    const fast = join();
    snapshot = { at: 2 };
    // The snapshot for a newcomer is not that of the others, so the next one is whole, too.
    second();
    slow.writableNeedDrain = false;
    snapshot = { at: 2, queues: [] };
    second();
    const of = ({ written }: FakeResponse): string[] =>
      written.filter((event) => /^event: (?:snapshot|change)/.test(event)).map((event) => event.slice(7).trim());
    expect(of(slow)).toEqual([
      'snapshot\ndata: {"at":1}',
      'snapshot\ndata: {"at":1}',
      'change\ndata: {}',
      'snapshot\ndata: {"at":2,"queues":[]}',
    ]);
    expect(of(fast)).toEqual(['snapshot\ndata: {"at":1}', 'snapshot\ndata: {"at":2}', 'change\ndata: {"queues":[]}']);
  });

  it('tells each viewer each failure once, before the snapshot that counts it', () => {
    const { written } = join();
    second();
    const failures = 'event: failures\ndata: [{"number":1}]\n\n';
    expect(written.slice(1)).toEqual([
      failures,
      expect.stringContaining('snapshot'),
      expect.stringContaining('snapshot'),
    ]);
  });

  it('tells each viewer the topology once, and again when it has changed', () => {
    const { written } = join();
    const told = () => written.filter((event) => event.startsWith('event: topology')).length;
    second();
    expect(told()).toBe(1);
    expect(written[0]).toBe('event: topology\ndata: []\n\n');
    topology = [];
    second();
    second();
    expect(told()).toBe(2);
  });

  it('writes nothing to a viewer that does not read, and goes on with the others', () => {
    const [stuck, fine] = [join(), join()];
    stuck.writableNeedDrain = true;
    second();
    second();
    expect(stuck.written).toHaveLength(3);
    expect(fine.written).toHaveLength(5);
    stuck.writableNeedDrain = false;
    second();
    expect(stuck.written).toHaveLength(4);
  });

  it('refuses the 101st viewer, and everybody after its end', () => {
    const first = join();
    for (let count = 1; count < 100; count++) join();
    expect(join).toThrow(BoardRequestError);
    first.end();
    join();
    viewers.end();
    expect(viewers.count).toBe(0);
    expect(timers).toEqual([]);
    expect(join).toThrow('shutting down');
  });
});
