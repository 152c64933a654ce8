import { ConflictException, HttpException, NotFoundException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import { ContractError } from '../contracts/contract.errors.js';
import { UndecodableMessageError } from '../serialization/serialization.errors.js';
import { toldError, type RpcErrors, type ToldError } from './told-error.js';

const HIDDEN = { name: 'Error', message: 'internal error 7', id: '7' };

describe('what a requester learns', () => {
  let mapperErrors: unknown[] = [];

  const told = (error: unknown, errors: RpcErrors = 'exceptions'): ToldError => {
    mapperErrors = [];
    return toldError(error, { errors, newId: () => '7', onMapperError: (thrown) => mapperErrors.push(thrown) });
  };

  const unreadable = Object.assign(new RangeError('far'), {
    getError() {
      throw new Error('not to be called');
    },
  });

  it.each<[string, unknown]>([
    ['an error', new TypeError('select * from cards')],
    ['an error of the database', Object.assign(new Error('duplicate key'), { code: '23505' })],
    ['a thrown text', '4111'],
    ['a thrown object', { card: '4111' }],
    ['an object with the methods of an exception that is no error', { getError: () => '4111', message: '4111' }],
    ['nothing', undefined],
    ['an exception whose methods throw', unreadable],
  ])('by default: nothing of %s', (_, error) => {
    expect(told(error)).toEqual(HIDDEN);
  });

  it('by default: what the exceptions of Nest say', () => {
    expect(told(new NotFoundException('no order'))).toMatchObject({
      name: 'NotFoundException',
      message: 'no order',
      data: { statusCode: 404, message: 'no order' },
      statusCode: 404,
    });
    expect(told(new HttpException('gone', 410))).toMatchObject({ message: 'gone', data: 'gone', statusCode: 410 });
    expect(told(new RpcException('no stock'))).toMatchObject({ message: 'no stock', data: 'no stock' });
    expect(told(new RpcException({ message: 'no stock', code: 7 }))).toMatchObject({
      message: 'no stock',
      data: { message: 'no stock', code: 7 },
    });
  });

  it('by default: nothing of the cause of an exception', () => {
    const error = new ConflictException('busy', { cause: new Error('deadlock in cards') });
    expect(JSON.stringify(told(error))).not.toContain('cards');
  });

  it('by default: that the request cannot be decoded', () => {
    const error = new UndecodableMessageError('its 1 bytes are not valid', { cause: new Error('secret') });
    expect(told(error)).toEqual({ name: 'UndecodableMessageError', message: 'its 1 bytes are not valid' });
  });

  it('by default: the paths of a request that breaks its contract, and nothing of such a reply', () => {
    const issues = [{ path: 'item', message: 'expected a string' }];
    expect(told(new ContractError('prices', 'price.quote', issues, 'request'))).toEqual({
      name: 'ContractError',
      message: "request 'price.quote' of exchange 'prices' does not match its contract: item: expected a string",
    });
    expect(told(new ContractError('prices', 'price.quote', issues, 'reply'))).toEqual(HIDDEN);
  });

  it("'message': name and message of every error, and nothing of what is no error", () => {
    expect(told(new TypeError('no such order'), 'message')).toEqual({ name: 'TypeError', message: 'no such order' });
    expect(told(new NotFoundException('no'), 'message')).toMatchObject({ message: 'no', statusCode: 404 });
    expect(told({ card: '4111' }, 'message')).toEqual({ name: 'Error', message: 'the handler has failed' });
  });

  it("'none': nothing", () => {
    for (const error of [new NotFoundException('no'), new RpcException('no'), new TypeError('no')])
      expect(told(error, 'none')).toEqual(HIDDEN);
  });

  it('a mapper: what it returns, and the default where it returns nothing', () => {
    const errors: RpcErrors = (error) => (error instanceof TypeError ? { message: 'wrong', data: 1 } : undefined);
    expect(told(new TypeError('x'), errors)).toEqual({
      name: 'Error',
      message: 'wrong',
      data: 1,
      statusCode: undefined,
    });
    expect(told(new RangeError('x'), errors)).toEqual(HIDDEN);
    expect(told(new NotFoundException('x'), errors)).toMatchObject({ message: 'x' });
    expect(mapperErrors).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    ['null', () => null],
    ['text', () => 'wrong'],
    ['a Promise', () => Promise.resolve({ message: 'wrong' })],
    ['no message', () => ({ name: 'Wrong' })],
    ['a status that is text', () => ({ message: 'wrong', statusCode: '404' })],
  ])('a mapper that returns %s: nothing, and the mistake is told', (_, mapper) => {
    expect(told(new NotFoundException('x'), mapper as RpcErrors)).toEqual(HIDDEN);
    expect(mapperErrors).toEqual([expect.any(TypeError)]);
  });
});
