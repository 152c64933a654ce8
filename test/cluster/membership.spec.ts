import { describe, expect, it } from '@jest/globals';
import { outsider, runningIn } from './membership.js';

describe('membership of the cluster', () => {
  const [a, b, c] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
  const views = (...seen: readonly string[]) =>
    new Map([a, b, c].map((node, index) => [node, new Set(seen[index]!.split(''))] as const));

  it('reads the names of the running nodes; a node that does not answer sees none', () => {
    expect([...runningIn('{"running_nodes":["a@localhost","b@localhost"],"partitions":{}}')]).toEqual(['a', 'b']);
    expect([...runningIn('')]).toEqual([]);
    expect([...runningIn('{}')]).toEqual([]);
  });

  it.each([
    ['all see all', ['abc', 'abc', 'abc'], undefined],
    ['a node that was asleep sees the others, and they do not see it', ['abc', 'bc', 'bc'], a],
    ['a node that is alone', ['ab', 'ab', 'c'], c],
    ['a node that does not answer', ['ac', '', 'ac'], b],
    ['one link in one direction is missing: one of its ends', ['abc', 'abc', 'bc'], a],
  ] as const)('%s', (_, seen, expected) => {
    expect(outsider(views(...seen))).toBe(expected);
  });
});
