import { expect, it } from '@jest/globals';
import { withUnknownFields } from './unknown-fields.js';

class Money {
  constructor(readonly cents: number) {}
}

it.each<[string, unknown, unknown, unknown]>([
  ['fields at each depth', { a: 1, more: 2, in: { b: 3, more: 4 } }, { a: 1, in: { b: 3 } }, { a: 1, more: 2, in: { b: 3, more: 4 } }],
  ['fields in lists', { list: [{ a: 1, more: 2 }, { a: 3 }] }, { list: [{ a: 1 }, { a: 3 }] }, { list: [{ a: 1, more: 2 }, { a: 3 }] }],
  ['nothing that the validator has changed', { a: '1', b: 2 }, { a: 1 }, { a: 1, b: 2 }],
  ['defaults', { a: 1 }, { a: 1, b: 'default' }, { a: 1, b: 'default' }],
  ['a list that the validator has shortened', [1, 2, 3], [1, 2], [1, 2]],
  ['an instance that the validator has made', { cents: 7, more: 1 }, new Money(7), new Money(7)],
  ['a field named __proto__', JSON.parse('{"__proto__":{"polluted":true},"a":1}'), { a: 1 }, JSON.parse('{"__proto__":{"polluted":true},"a":1}')],
  ['no fields of a text', 'text', 'TEXT', 'TEXT'],
])('keeps %s', (_, payload, validated, expected) => {
  const kept = withUnknownFields(payload, validated);
  expect(kept).toEqual(expected);
  expect((kept as { polluted?: unknown }).polluted).toBeUndefined();
}); // prettier-ignore
