import { describe, expect, it } from '@jest/globals';
import { Confirms } from './confirms.js';
import type { Publish } from './publish.js';

const publish = (routingKey: string, size = 1): Publish => ({
  exchange: '',
  routingKey,
  mandatory: false,
  properties: {},
  body: new Uint8Array(size),
  deadline: Infinity,
  resolve: () => {},
  reject: () => {},
  outcome: undefined,
  settled: false,
  earlier: undefined,
});

describe('Confirms', () => {
  const filled = (count: number): Confirms => {
    const confirms = new Confirms();
    for (let tag = 1; tag <= count; tag++) expect(confirms.add(publish(String(tag), tag))).toBe(tag);
    return confirms;
  };
  const settle = (confirms: Confirms, tag: number, multiple: boolean): string[] => {
    const settled: string[] = [];
    confirms.settle(tag, multiple, (each, at) => {
      expect(each.routingKey).toBe(String(at));
      settled.push(each.routingKey);
    });
    return settled;
  };

  it('takes out one, several up to one, or all, oldest first, and each once', () => {
    const confirms = filled(10);
    expect(settle(confirms, 3, false)).toEqual(['3']);
    expect(settle(confirms, 5, true)).toEqual(['1', '2', '4', '5']);
    expect(settle(confirms, 5, true)).toEqual([]);
    expect(settle(confirms, 3, false)).toEqual([]);
    expect(settle(confirms, 11, true)).toEqual([]);
    expect(settle(confirms, 0, true)).toEqual(['6', '7', '8', '9', '10']);
    expect([confirms.count, confirms.bytes, confirms.span, confirms.nextTag]).toEqual([0, 0, 0, 11]);
  });

  it('counts what is unconfirmed and its bytes, and from the oldest on', () => {
    const confirms = filled(5);
    settle(confirms, 2, false);
    settle(confirms, 4, false);
    expect([confirms.count, confirms.bytes, confirms.span]).toEqual([3, 1 + 3 + 5, 5]);
    expect(confirms.countFrom(3)).toBe(2);
    settle(confirms, 1, false);
    expect(confirms.span).toBe(3);
    expect(confirms.countFrom(1)).toBe(2);
  });

  it('grows with one that the broker forgets in its ring, and keeps it', () => {
    const confirms = new Confirms();
    confirms.add(publish('forgotten'));
    for (let tag = 2; tag < 1_000; tag++) {
      confirms.add(publish(String(tag)));
      expect(settle(confirms, tag, false)).toEqual([String(tag)]);
    }
    expect([confirms.count, confirms.span]).toEqual([1, 999]);
    expect(confirms.find(() => true)?.routingKey).toBe('forgotten');
  });

  it('takes back the last one, whose tag is then the next', () => {
    const confirms = filled(2);
    confirms.add(publish('not sent', 100));
    confirms.takeBack();
    expect([confirms.count, confirms.bytes, confirms.nextTag]).toEqual([2, 3, 3]);
    expect(confirms.add(publish('3'))).toBe(3);
  });

  it('begins anew when it is drained: what is confirmed then is of the new generation', () => {
    const confirms = filled(3);
    settle(confirms, 2, false);
    expect(confirms.drain().map(({ routingKey }) => routingKey)).toEqual(['1', '3']);
    expect([confirms.count, confirms.bytes, confirms.span, confirms.nextTag]).toEqual([0, 0, 0, 1]);
    expect(confirms.add(publish('1'))).toBe(1);
    expect(settle(confirms, 1, true)).toEqual(['1']);
  });

  it('finds the oldest that fits behind the one found last, and before it when there is none', () => {
    const confirms = filled(4);
    const odd = ({ routingKey }: Publish): boolean => Number(routingKey) % 2 === 1;
    expect(confirms.find(odd)?.routingKey).toBe('1');
    expect(confirms.find(odd)?.routingKey).toBe('3');
    expect(confirms.find(odd)?.routingKey).toBe('1');
    expect(confirms.find(() => false)).toBeUndefined();
  });

  it('takes a publish that is made from within a confirm', () => {
    const confirms = filled(16);
    confirms.settle(16, true, ({ routingKey }) => void confirms.add(publish(`after ${routingKey}`)));
    expect(confirms.count).toBe(16);
    expect(confirms.drain().map(({ routingKey }) => routingKey)[0]).toBe('after 1');
  });
});
