import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { toStandardJsonSchema } from '@valibot/to-json-schema';
import { type } from 'arktype';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import * as v from 'valibot';
import { z } from 'zod';
import { ConfigurationError } from '../../lib/client/index.js';
import type { StandardSchema } from '../contracts/standard-schema.js';
import { defineEvents } from '../contracts/event-contract.js';
import { defineRpc, type RpcContract } from '../contracts/rpc-contract.js';
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
    ['another type', o({ id }), o({ id: z.number() }), ['publishers id: string is not accepted, only number', 'consumers id: number is not accepted, only string']],
    ['a wider number', o({ n: z.int32() }), o({ n: z.int() }), ['consumers n: minimum -2147483648 is required', 'consumers n: maximum 2147483647 is required']],
    ['a narrower text', o({ id }), o({ id: id.max(5) }), ['publishers id: maxLength 5 is required']],
    ['a longer text', o({ id: id.max(5) }), o({ id: id.max(9) }), ['consumers id: maxLength 5 is required']],
    ['a new value of a list', o({ s: z.enum(['a']) }), o({ s: z.enum(['a', 'b']) }), ['consumers s: "b" is not accepted']],
    ['a removed value of a list', o({ s: z.enum(['a', 'b']) }), o({ s: z.enum(['a']) }), ['publishers s: "b" is not accepted']],
    ['a list of values that becomes any text', o({ s: z.enum(['a']) }), o({ s: id }), ['consumers s: only "a" is accepted']],
    ['null as well', o({ id }), o({ id: id.nullable() }), ['consumers id: null is not accepted, only string']],
    ['items of another type', o({ l: z.array(id) }), o({ l: z.array(z.number()) }), ['publishers l.*: string is not accepted, only number', 'consumers l.*: number is not accepted, only string']],
    ['other values of a record', o({ r: z.record(id, id) }), o({ r: z.record(id, z.null()) }), ['publishers r.*: string is not accepted, only null', 'consumers r.*: null is not accepted, only string']],
    ['a new field that strict consumers do not know', z.strictObject({ id }), z.strictObject({ id, note: id.optional() }), ['consumers note: it is not accepted']],
    ['another pattern', o({ id: id.regex(/^a/) }), o({ id: id.regex(/^b/) }), ['publishers id: pattern differs', 'consumers id: pattern differs']],
    ['an alternative less', o({ v: z.union([id, z.number()]) }), o({ v: id }), ['publishers v: number is not accepted, only string']],
    ['a field that every object has', o({ id }), o({ id, constructor: id }), ['publishers constructor: it is required, and may be missing']],
    ['an alternative of one object less', z.union([o({ id }), o({ n: id })]), o({ n: id }), ['publishers n: it is required, and may be missing']],
  ])('tells of %s', (_, before, after, expected) => {
    expect(breaks(before, after)).toEqual(expected);
  }); // prettier-ignore

  it('tells of a removed event, and not of a new one', () => {
    const before = defineEvents('orders', { 'order.paid': o({ id }) });
    const after = defineEvents('orders', { 'order.paid.v2': o({ id }) });
    const removed = { event: 'order.paid', part: 'event', path: '', message: 'the event is removed' };
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

  it('compares what references lead to', () => {
    const tree = (name: z.ZodType) => {
      const Tree = z.object({
        name,
        get parts() {
          return z.array(Tree);
        },
      });
      return Tree;
    };
    const list = (items: z.ZodType<object>) => z.object({ first: items, second: items });
    expect(breaks(tree(id), tree(id))).toEqual([]);
    expect(breaks(tree(id), tree(id.max(5)))).toEqual(['publishers name: maxLength 5 is required']);
    expect(breaks(list(tree(id)), list(tree(id.max(5))))).toEqual([
      'publishers first.name: maxLength 5 is required',
      'publishers second.name: maxLength 5 is required',
    ]);
    expect(breaks(list(tree(id)), list(tree(id)))).toEqual([]);
  });

  it('tells callers and handlers of changed requests and replies', () => {
    const rpcOf = (request: z.ZodType<object>, reply: z.ZodType<object>) =>
      defineRpc('prices', { 'price.quote': { request, reply } }, { unknownFields: 'keep' });
    const before = rpcOf(o({ id }), o({ id }));
    const whom = (after: RpcContract) =>
      contractBreaks(before, after).map(({ breaks: one, part, path, message }) => `${one} ${part} ${path}: ${message}`);
    expect(whom(rpcOf(o({ id: id.max(5) }), o({ id })))).toEqual(['callers request id: maxLength 5 is required']);
    expect(whom(rpcOf(o({}), o({ id })))).toEqual(['handlers request id: it is required, and may be missing']);
    expect(whom(rpcOf(o({ id }), o({ id: id.max(5) })))).toEqual(['handlers reply id: maxLength 5 is required']);
    expect(whom(rpcOf(o({ id }), o({})))).toEqual(['callers reply id: it is required, and may be missing']);
    expect(whom(defineRpc('prices', {}))).toEqual([
      'callers request : the request is removed',
      'handlers request : the request is removed',
      'handlers reply : the reply is removed',
      'callers reply : the reply is removed',
    ]);
  });

  it('compares classes by their decorators', () => {
    class Before {
      @IsString()
      id!: string;
    }
    class After {
      @IsString()
      @MaxLength(5)
      id!: string;

      @IsString()
      @IsOptional()
      note?: string;
    }
    const contractWith = (type: new () => object) => defineEvents('orders', { 'order.paid': type });
    expect(contractBreaks(contractWith(Before), contractWith(After))).toEqual([
      { breaks: 'publishers', event: 'order.paid', part: 'event', path: 'id', message: 'maxLength 5 is required' },
    ]);
  });

  it('compares schemas of Valibot and ArkType', () => {
    const valibot = (max: number) => toStandardJsonSchema(v.object({ id: v.pipe(v.string(), v.maxLength(max)) }));
    const arktype = (max: number) => type({ id: `string <= ${max}` as 'string' });
    for (const schemaOf of [valibot, arktype]) {
      const [before, after] = [9, 5].map((max) => defineEvents('orders', { 'order.paid': schemaOf(max) }));
      expect(contractBreaks(before!, after!)).toEqual([
        { breaks: 'publishers', event: 'order.paid', part: 'event', path: 'id', message: 'maxLength 5 is required' },
      ]);
    }
  });

  it('refuses a schema without a JSON Schema', () => {
    class OrderPaid {}
    const contract = defineEvents('orders', { 'order.paid': OrderPaid });
    expect(() => contractBreaks(contract, contract)).toThrow(ConfigurationError);
    expect(() => contractBreaks(contract, contract)).toThrow(
      "The event 'order.paid' has no JSON Schema: the class OrderPaid has no decorators",
    );
  });
});
