import { createContext, runInContext } from 'node:vm';
import { BadRequestException, ForbiddenException, HttpException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import { framesOf, isError, reasonOf } from './reason.js';

const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:80'), { code: 'ECONNREFUSED' });

/** The error that a getter throws. */
const trap = (): never => {
  throw new Error('not to be read');
};

describe('reasonOf', () => {
  it('names error and message, and no colon where there is no message', () => {
    expect(reasonOf(new RangeError('too far'))).toBe('RangeError: too far');
    expect(reasonOf(new RangeError())).toBe('RangeError');
  });

  it('goes on with the causes, and with the code where the message lacks it', () => {
    const failed = new TypeError('fetch failed', { cause: refused() });
    expect(reasonOf(failed)).toBe('TypeError: fetch failed ← Error: connect ECONNREFUSED 127.0.0.1:80');
    expect(reasonOf(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }))).toBe('Error: no answer (ETIMEDOUT)');
    expect(reasonOf(new Error('outer', { cause: 'the bank is closed' }))).toBe(
      'Error: outer ← a thrown string: the bank is closed',
    );
  });

  it('ends where causes are a circle, or too many', () => {
    const circle = new Error('round');
    circle.cause = new Error('and round', { cause: circle });
    expect(reasonOf(circle)).toBe('Error: round ← Error: and round');
    let deep = new Error('0');
    for (let level = 1; level < 100; level++) deep = new Error(String(level), { cause: deep });
    expect(reasonOf(deep).split(' ← ')).toHaveLength(6);
  });

  it('names the parts of an AggregateError', () => {
    const all = new AggregateError([refused(), new Error('late', { cause: new Error('slow') })], 'none has answered');
    expect(reasonOf(all)).toBe(
      'AggregateError: none has answered [Error: connect ECONNREFUSED 127.0.0.1:80; Error: late ← Error: slow]',
    );
    const many = new AggregateError(
      Array.from({ length: 20 }, (_, at) => new Error(String(at))),
      'all',
    );
    expect(reasonOf(many)).toMatch(/Error: 9; and more\]$/);
  });

  it('names parts of an AggregateError that are no errors', () => {
    const any = new AggregateError([new Error('a'), 'b', undefined, { code: 7, order: 'private' }], 'none');
    expect(reasonOf(any)).toBe(
      'AggregateError: none [Error: a; a thrown string: b; a thrown undefined; a thrown object (7)]',
    );
  });

  it('ends where errors share their parts or causes, so that their tree has no end in sight', () => {
    let shared: Error = new Error('0');
    for (let level = 1; level < 100; level++) shared = new AggregateError([shared, shared], String(level));
    expect(reasonOf(shared).match(/AggregateError/g)!.length).toBeLessThanOrEqual(50);
    let chained: Error = new Error('0');
    for (let level = 1; level < 100; level++) {
      chained = new AggregateError(Array<Error>(10).fill(chained), String(level), { cause: chained });
    }
    expect(reasonOf(chained).match(/AggregateError/g)!.length).toBeLessThanOrEqual(50);
  });

  it('names what a validation says, and never the values', () => {
    const texts = new BadRequestException(['id must be a string', 'total must be positive']);
    expect(reasonOf(texts)).toBe(
      'BadRequestException: Bad Request Exception (id must be a string; total must be positive)',
    );
    const classValidator = {
      target: { card: '4111' },
      value: '4111',
      property: 'payment',
      children: [{ property: 'card', value: '4111', constraints: { isCard: 'card must be a card' } }],
    };
    expect(reasonOf(new BadRequestException([classValidator]))).toMatch(/\(payment\.card: card must be a card\)$/);
    const zod = { message: 'Validation failed', errors: [{ code: 'x', path: ['items', 0], message: 'Required', input: '4111' }] }; // prettier-ignore
    expect(reasonOf(new HttpException(zod, 422))).toBe('HttpException: Validation failed (items.0: Required)');
    expect(reasonOf(new ForbiddenException('not yours'))).toBe('ForbiddenException: not yours');
  });

  it('names what an RpcException says', () => {
    expect(reasonOf(new RpcException('no such order'))).toBe('RpcException: no such order');
    expect(reasonOf(new RpcException({ message: ['a', 'b'], card: '4111' }))).toBe(
      'RpcException: Rpc Exception (a; b)',
    );
    expect(reasonOf(new RpcException({ code: 7 }))).toBe('RpcException: Rpc Exception (code 7)');
  });

  it.each([
    ['the bank is closed', 'a thrown string: the bank is closed'],
    [undefined, 'a thrown undefined'],
    [null, 'a thrown null'],
    [7n, 'a thrown bigint: 7'],
    [Symbol('s'), 'a thrown symbol: Symbol(s)'],
    [{ card: '4111' }, 'a thrown object'],
    [{ message: 'quota', code: 8, card: '4111' }, 'a thrown object: quota (8)'],
    [{ status: 'error', message: 'no' }, 'a thrown object: no (error)'],
    [new (class Nope {})(), 'a thrown Nope'],
  ])('describes %p, which is no error', (thrown, reason) => {
    expect(reasonOf(thrown)).toBe(reason);
  });

  it('N1 1.3: describes any thrown value without a throw of its own', () => {
    const hostile = new Proxy({}, { get: trap, getPrototypeOf: trap, ownKeys: trap, has: trap });
    const odd = Object.assign(new Error('odd'), { stack: 7 });
    const lying = Object.defineProperties(new Error(''), {
      message: { get: trap },
      name: { get: trap },
      cause: { get: trap },
    });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const bare = Object.create(null) as object;
    for (const thrown of [hostile, lying, proxy, bare, () => {}, Object.assign(new Error('x'), { errors: hostile })]) {
      expect(typeof reasonOf(thrown)).toBe('string');
      expect(framesOf(thrown) === undefined || typeof framesOf(thrown) === 'string').toBe(true);
    }
    expect(reasonOf(odd)).toBe('Error: odd');
    expect(framesOf(odd)).toBeUndefined();
    expect(framesOf(Object.assign(new Error(''), { stack: 'no frames' }))).toBeUndefined();
  });

  it('knows the errors of other realms', () => {
    const foreign: unknown = runInContext("new TypeError('from afar')", createContext());
    expect(isError(foreign)).toBe(true);
    expect(reasonOf(foreign)).toBe('TypeError: from afar');
  });

  it('masks credentials, and leaves out what a JSON parser quotes', () => {
    const failed = new Error('no route to amqps://app:s3cr3t@broker:5671/vhost or redis://:pass@cache');
    expect(reasonOf(failed)).toBe('Error: no route to amqps://***@broker:5671/vhost or redis://***@cache');
    expect(framesOf(Object.assign(new Error(''), { stack: 'Error\n    at amqp://u:p@h/x.js:1:1' }))).toBe(
      '    at amqp://***@h/x.js:1:1',
    );
    const parse = (text: string): unknown => {
      try {
        return JSON.parse(text);
      } catch (error) {
        return error;
      }
    };
    expect(reasonOf(parse('card 4111'))).toBe('SyntaxError: the text is not valid JSON');
    expect(reasonOf(new Error('unreadable', { cause: parse('4111 card') }))).not.toContain('card');
  });
});

describe('framesOf', () => {
  it('gives the frames without the message', () => {
    expect(framesOf(new Error('a\n    secret'))).toMatch(/^ {4}at /);
    expect(framesOf('text')).toBeUndefined();
  });
});
