import { describe, expect, it } from '@jest/globals';
import { BoundedNames, OTHER } from './bounded-names.js';

const names = (name: (n: number) => string): Set<string> => {
  const bounded = new BoundedNames();
  return new Set(Array.from({ length: 10_000 }, (_, n) => bounded.of(name(n))));
};

describe('BoundedNames', () => {
  it('has one value for 10,000 names that the broker has made', () => {
    expect([...names((n) => `amq.gen-${n}`)]).toEqual(['(server-named)']);
    expect([...names((n) => `amq.rabbitmq.reply-to.${n}`)]).toEqual(['(direct-reply-to)']);
  });

  it('keeps the first 500 of 10,000 other names', () => {
    const kept = names((n) => `replies.${n}`);
    expect(kept.size).toBe(501);
    expect(kept).toContain('replies.0');
    expect(kept).toContain('replies.499');
    expect(kept).toContain(OTHER);
  });

  it('keeps a name that is known, however many came since', () => {
    const bounded = new BoundedNames();
    for (let n = 0; n < 1_000; n++) bounded.of(`queue ${n}`);
    expect(bounded.of('queue 0')).toBe('queue 0');
    expect(bounded.of('queue 999')).toBe(OTHER);
  });
});
