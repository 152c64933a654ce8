import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ContractError } from './contract.errors.js';
import { schemaValidator } from './schema-validator.js';
import type { SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.js';

const refuse = (issues: ContractError['issues']) => new ContractError('orders', 'order.created', issues);

function schemaThat(
  validate: (value: unknown) => SchemaResult<unknown> | Promise<SchemaResult<unknown>>,
): StandardSchema {
  return { '~standard': { version: 1, vendor: 'a test', validate } };
}

const refusing = (...issues: SchemaIssue[]) => schemaThat(() => ({ issues }));

function errorOf(run: () => unknown): ContractError {
  try {
    run();
  } catch (error) {
    return error as ContractError;
  }
  throw new Error('it did not throw');
}

describe('schemaValidator', () => {
  it('returns what the schema returns, without a promise', () => {
    const { incoming, outgoing } = schemaValidator(z.object({ id: z.string() }), 'strip', refuse);
    expect(incoming({ id: 'a', more: 1 })).toEqual({ id: 'a' });
    expect(outgoing({ id: 'a', more: 1 })).toEqual({ id: 'a' });
  });

  it('keeps the schema as `this` of its method', () => {
    const standard = {
      version: 1 as const,
      vendor: 'a test',
      answer: 7,
      validate(): SchemaResult<number> {
        return { value: this.answer };
      },
    };
    expect(schemaValidator({ '~standard': standard }, 'strip', refuse).incoming(1)).toBe(7);
  });

  it.each(['strip', 'keep'] as const)('awaits a schema that promises its result: %s', async (unknownFields) => {
    const { incoming, outgoing } = schemaValidator(
      schemaThat((value) => Promise.resolve(value === 'bad' ? { issues: [{ message: 'no' }] } : { value })),
      unknownFields,
      refuse,
    );
    await expect(incoming('good')).resolves.toBe('good');
    await expect(outgoing('good')).resolves.toBe('good');
    await expect(incoming('bad')).rejects.toThrow(ContractError);
    await expect(outgoing('bad')).rejects.toThrow(ContractError);
  });

  it('names each path, also of schemas whose steps are objects', () => {
    const schema = refusing({ message: 'a', path: ['lines', 0, { key: 'price' }] }, { message: 'b' });
    const error = errorOf(() => schemaValidator(schema, 'strip', refuse).incoming({}));
    expect(error.issues).toEqual([
      { path: 'lines.0.price', message: 'a' },
      { path: '', message: 'b' },
    ]);
    expect(error.message).toBe(
      "event 'order.created' of exchange 'orders' does not match its contract: lines.0.price: a; b",
    );
  });

  it('names paths that are lists of a class, as those of ArkType', () => {
    class Path extends Array<PropertyKey> {
      constructor(...steps: PropertyKey[]) {
        super();
        this.push(...steps);
      }
    }
    const schema = refusing({ message: 'a', path: new Path() }, { message: 'b', path: new Path('lines', 0) });
    const { issues } = errorOf(() => schemaValidator(schema, 'strip', refuse).incoming({}));
    expect(issues.map(({ path }) => path)).toEqual(['', 'lines.0']);
  });

  it('lists ten issues of many, and shortens long texts', () => {
    const issues = Array.from({ length: 12 }, (_, index) => ({ message: 'x'.repeat(300), path: [index] }));
    const { message, issues: all } = errorOf(() => schemaValidator(refusing(...issues), 'strip', refuse).incoming({}));
    expect(all).toHaveLength(12);
    expect(message).toMatch(/; 9: x{200}…; 2 more$/);
  });

  it.each<[string, object, string]>([
    ['Valibot', { message: 'Invalid type: Expected string but received "4111"', received: '"4111"' }, 'Invalid type: Expected string but received …'],
    ['ArkType', { message: 'age must be a number (was "4111")', actual: '"4111"' }, 'age must be a number (was …)'],
    ['others', { message: 'expected a number', received: 'string' }, 'expected a number'],
  ])('does not repeat the value that %s quotes', (_, issue, message) => {
    const { issues } = errorOf(() => schemaValidator(refusing(issue as SchemaIssue), 'strip', refuse).incoming({}));
    expect(issues).toEqual([{ path: '', message }]);
  }); // prettier-ignore
});
