import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ConfigurationError } from '../../../lib/client/index.js';
import type { StandardSchema } from '../../contracts/standard-schema.js';
import { defineEvents } from '../../contracts/event-contract.js';
import { contractBreaks } from './contract-changes.js';

const contractOf = (schema: z.ZodType<object>) =>
  defineEvents('orders', { 'order.paid': schema }, { unknownFields: 'keep' });

/** What breaks, as `publishers a.b: message`. */
function breaks(before: z.ZodType<object>, after: z.ZodType<object>): string[] {
  return contractBreaks(contractOf(before), contractOf(after)).map(
    ({ breaks: whom, path, message }) => `${whom} ${path}: ${message}`,
  );
}

const o = z.object;
const id = z.string();

describe('contractBreaks()', () => {
  it.each<[string, z.ZodType<object>, z.ZodType<object>, string[]]>([
    ['nothing', o({ id, list: z.array(o({ a: id })) }), o({ id, list: z.array(o({ a: id })) }), []],
    ['a description', o({ id }), o({ id: id.describe('the key') }), []],
    ['a new optional field', o({ id }), o({ id, note: id.optional() }), []],
    ['a new field with a default', o({ id }), o({ id, note: id.default('') }), []],
    ['a removed optional field', o({ id, note: id.optional() }), o({ id }), []],
    ['a new required field', o({ id }), o({ id, note: id }), ['publishers note: it is required, and may be missing']],
    ['a removed required field', o({ id, note: id }), o({ id }), ['consumers note: it is required, and may be missing']],
    ['a field that becomes optional', o({ in: o({ id }) }), o({ in: o({ id: id.optional() }) }), ['consumers in.id: it is required, and may be missing']],
    ['another type', o({ id }), o({ id: z.number() }), ['publishers id: string becomes number', 'consumers id: number becomes string']],
    ['a wider number', o({ n: z.int32() }), o({ n: z.int() }), ['consumers n: minimum becomes -2147483648', 'consumers n: maximum becomes 2147483647']],
    ['a narrower text', o({ id }), o({ id: id.max(5) }), ['publishers id: maxLength becomes 5']],
    ['a longer text', o({ id: id.max(5) }), o({ id: id.max(9) }), ['consumers id: maxLength becomes 5']],
    ['a new value of a list', o({ s: z.enum(['a']) }), o({ s: z.enum(['a', 'b']) }), ['consumers s: "b" is not accepted']],
    ['a removed value of a list', o({ s: z.enum(['a', 'b']) }), o({ s: z.enum(['a']) }), ['publishers s: "b" is not accepted']],
    ['a list of values that becomes any text', o({ s: z.enum(['a']) }), o({ s: id }), ['consumers s: only "a" is accepted']],
    ['null as well', o({ id }), o({ id: id.nullable() }), ['consumers id: null becomes string']],
    ['items of another type', o({ l: z.array(id) }), o({ l: z.array(z.number()) }), ['publishers l.*: string becomes number', 'consumers l.*: number becomes string']],
    ['other values of a record', o({ r: z.record(id, id) }), o({ r: z.record(id, z.null()) }), ['publishers r.*: string becomes null', 'consumers r.*: null becomes string']],
    ['a new field that strict consumers do not know', z.strictObject({ id }), z.strictObject({ id, note: id.optional() }), ['consumers note: it is not accepted']],
    ['another pattern', o({ id: id.regex(/^a/) }), o({ id: id.regex(/^b/) }), ['publishers id: pattern differs', 'consumers id: pattern differs']],
    ['an alternative less', o({ v: z.union([id, z.number()]) }), o({ v: id }), ['publishers v: number becomes string']],
    ['a field that every object has', o({ id }), o({ id, constructor: id }), ['publishers constructor: it is required, and may be missing']],
    ['an alternative of one object less', z.union([o({ id }), o({ n: id })]), o({ n: id }), ['publishers n: it is required, and may be missing']],
  ])('tells of %s', (_, before, after, expected) => {
    expect(breaks(before, after)).toEqual(expected);
  }); // prettier-ignore

  it('tells of a removed event, and not of a new one', () => {
    const before = defineEvents('orders', { 'order.paid': o({ id }) });
    const after = defineEvents('orders', { 'order.paid.v2': o({ id }) });
    const removed = { event: 'order.paid', path: '', message: 'the event is removed' };
    expect(contractBreaks(before, after)).toEqual([
      { breaks: 'publishers', ...removed },
      { breaks: 'consumers', ...removed },
    ]);
  });

  it('compares keywords beside alternatives with them', () => {
    const schemaOf = (json: object): StandardSchema => ({
      '~standard': { ...id['~standard'], jsonSchema: { input: () => json } } as StandardSchema['~standard'],
    });
    const anyOf = [{ required: ['a'] }, { required: ['b'] }];
    const whom = (beside: object): string[] => {
      const before = defineEvents('orders', { 'order.paid': schemaOf({ type: 'object', anyOf }) });
      const after = defineEvents('orders', { 'order.paid': schemaOf({ type: 'object', anyOf, ...beside }) });
      return [...new Set(contractBreaks(before, after).map(({ breaks: one }) => one))];
    };
    expect(whom({})).toEqual([]);
    expect(whom({ minProperties: 2 })).toEqual(['publishers']);
    // Two lists of required fields cannot be compared, and count as broken for both.
    expect(whom({ required: ['c'] })).toEqual(['publishers', 'consumers']);
  });

  it('tells of an event that moves', () => {
    const schemas = { 'order.paid.v2': o({ id }) };
    const before = defineEvents('orders', schemas);
    for (const after of [defineEvents('sales', schemas), defineEvents('orders', schemas, { versionHeader: 'v' })]) {
      expect(contractBreaks(before, after).map(({ breaks: whom, message }) => `${whom}: ${message}`)).toEqual([
        'publishers: its exchange, routing key or version header is another',
        'consumers: its exchange, routing key or version header is another',
      ]);
    }
  });

  it('refuses a schema without a JSON Schema', () => {
    class OrderPaid {}
    const contract = defineEvents('orders', { 'order.paid': OrderPaid });
    expect(() => contractBreaks(contract, contract)).toThrow(ConfigurationError);
    expect(() => contractBreaks(contract, contract)).toThrow("The schema of 'order.paid' has no JSON Schema");
  });
});
