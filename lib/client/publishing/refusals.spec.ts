import { Buffer } from 'node:buffer';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Message } from './publish.js';
import { Refusals } from './refusals.js';

const to = (exchange: string, routingKey: string): Message => ({
  exchange,
  routingKey,
  mandatory: false,
  properties: {},
  body: Buffer.alloc(0),
});

describe('Refusals', () => {
  let delays: number[];
  let refusals: Refusals;

  beforeEach(() => {
    delays = [];
    refusals = new Refusals((delay) => delays.push(delay) > 0, {
      next: () => 0.5,
      bytes: (size) => Buffer.alloc(size),
    });
  });

  /** One generation in which this is refused, twice. */
  const refuse = (message: Message): boolean => {
    const renewed = refusals.refused(message);
    expect(refusals.refused(message)).toBe(renewed);
    refusals.forget();
    return renewed;
  };

  it('plans once a generation, with a doubled wait, ten times in a row', () => {
    for (let attempt = 0; attempt < 10; attempt++) expect(refuse(to('', 'q'))).toBe(true);
    expect(delays).toEqual([25, 50, 100, 200, 400, 800, 1_600, 2_500, 2_500, 2_500]);
    expect(refusals.refused(to('', 'q'))).toBe(false);
    expect(refusals.refused(to('', 'other'))).toBe(false);
    expect(delays).toHaveLength(10);
  });

  it('starts over once the route that was refused is taken, and not for another', () => {
    for (let attempt = 0; attempt < 3; attempt++) refuse(to('x', 'q'));
    refusals.accepted(to('', 'well'));
    refuse(to('x', 'q'));
    refusals.accepted(to('x', 'q'));
    refusals.refused(to('x', 'later'));
    expect(delays).toEqual([25, 50, 100, 200, 25]);
  });

  it('starts over after a generation that ended by itself', () => {
    for (let attempt = 0; attempt < 10; attempt++) refuse(to('', 'q'));
    refusals.forget();
    expect(refuse(to('', 'q'))).toBe(true);
    expect(delays.at(-1)).toBe(25);
  });

  it('knows exchange and routing key apart, and what was taken only as long as its generation', () => {
    refusals.accepted(to('a', 'b'));
    refusals.accepted(to('c', 'd'));
    refusals.accepted(to('a', 'd'));
    expect(refusals.refused(to('a', 'b'))).toBe(false);
    expect(refusals.refused(to('a', 'd'))).toBe(false);
    expect(refusals.refused(to('c', 'b'))).toBe(true);
    refusals.forget();
    expect(refusals.refused(to('a', 'b'))).toBe(true);
  });

  it('plans nothing where the channel does not open anew', () => {
    const without = new Refusals(() => false, { next: () => 0.5, bytes: (size) => Buffer.alloc(size) });
    expect(without.refused(to('', 'q'))).toBe(false);
  });

  it('remembers ten thousand routes, and then leaves refusals as they are', () => {
    for (let key = 0; key < 10_000; key++) refusals.accepted(to('', String(key)));
    expect(refusals.refused(to('', 'new'))).toBe(false);
    refusals.forget();
    expect(refusals.refused(to('', 'new'))).toBe(true);
  });
});
