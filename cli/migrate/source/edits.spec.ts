import { expect, it } from '@jest/globals';
import { unifiedDiff } from '../diff.js';
import { Edits } from './edits.js';

it('prints what is inside an edit with its own edits', () => {
  const edits = new Edits('call(inner(x), y)');
  edits.add({ start: 0, end: 17, text: () => `other(${edits.print(5, 13)})` });
  edits.add({ start: 11, end: 12, text: () => 'z' });
  edits.add({ start: 5, end: 5, text: () => 'await ' });
  expect(edits.print()).toBe('other(await inner(z))');
});

it('refuses edits that overlap', () => {
  const edits = new Edits('abcdef');
  edits.add({ start: 0, end: 4, text: () => '' });
  edits.add({ start: 2, end: 6, text: () => '' });
  expect(() => edits.print()).toThrow('overlapping edits');
});

it('shows a difference as diff -u does', () => {
  const before = ['1', '2', '3', '4', '5', '6', '7', '8', '9', ''].join('\n');
  const after = before.replace('2\n', 'two\n').replace('9', 'nine\nten');
  expect(unifiedDiff('f', before, after)).toBe(
    '--- a/f\n+++ b/f\n@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n@@ -6,5 +6,6 @@\n 6\n 7\n 8\n-9\n+nine\n+ten\n \n',
  );
});
