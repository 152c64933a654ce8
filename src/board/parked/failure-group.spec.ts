import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import type { ParkedMessage } from '../../settlement/parking/parked-message.js';
import { folded, groupOf, keyOf } from './failure-group.js';

const failed = (message: string, stack = ''): Pick<ParkedMessage, 'lastFailure'> => ({
  lastFailure: { message, stack, time: new Date(0) },
});

describe('folded', () => {
  it.each([
    ['order 4711 failed after 3 attempts', 'order # failed after # attempts'],
    ['no user 0b2a3f1e-8c5d-4b5e-9f00-aa11bb22cc33 there', 'no user ‹id› there'],
    ['document 507f1f77bcf86cd799439011', 'document ‹id›'],
    ['ULID 01ARZ3NDEKTSV4RRFFQ69G5FAV', 'ULID ‹id›'],
    ['connect ECONNREFUSED 10.0.0.7:5432', 'connect ECONNREFUSED #:#'],
    ['limit of 1,500.50 exceeded', 'limit of # exceeded'],
    ['the carrier does not answer', 'the carrier does not answer'],
    ['an internationalisation without digits', 'an internationalisation without digits'],
  ])('%s', (text, expected) => {
    expect(folded(text)).toBe(expected);
  });

  it('is bounded, and takes a long text in no time', () => {
    expect(folded('x'.repeat(100_000)).length).toBeLessThan(400);
    const begin = performance.now();
    folded('a-1'.repeat(100_000));
    folded(`${'a'.repeat(100_000)}1`);
    expect(performance.now() - begin).toBeLessThan(1_000);
  });
});

describe('groupOf', () => {
  it('is the same for errors that differ in numbers and ids only', () => {
    const [one, other] = [failed('TypeError: order 1 is gone'), failed('TypeError: order 2 is gone')];
    expect(groupOf(one, [])).toEqual(groupOf(other, []));
    expect(groupOf(one, [])).toMatchObject({ type: 'TypeError', text: 'order # is gone', handler: undefined });
    expect(groupOf(failed('RangeError: order 1 is gone'), []).id).not.toBe(groupOf(one, []).id);
  });

  it('names the only handler of the queue, or that of the stack', () => {
    const failure = failed('Error: no', '    at Mail.send (mail.ts:1)\n    at Orders.onSecond (orders.ts:2)');
    expect(groupOf(failure, ['Orders.onOrder']).handler).toBe('Orders.onOrder');
    expect(groupOf(failure, ['Orders.onFirst', 'Orders.onSecond']).handler).toBe('Orders.onSecond');
    expect(groupOf(failure, ['Orders.onFirst', 'Orders.on']).handler).toBeUndefined();
  });

  it('takes any text for an error', () => {
    expect(groupOf(failed('Error'), [])).toMatchObject({ type: 'Error', text: '' });
    expect(groupOf(failed('a thrown string: no'), [])).toMatchObject({ type: '', text: 'a thrown string: no' });
    expect(groupOf({ lastFailure: undefined }, [])).toMatchObject({ type: '', text: 'parked by another client' });
  });
});

describe('keyOf', () => {
  const message = (more: object): ParkedMessage =>
    ({
      messageId: 'm',
      exchange: 'e',
      routingKey: 'k',
      lastFailure: undefined,
      body: Buffer.from('1'),
      ...more,
    }) as ParkedMessage;

  it('differs for different messages only', () => {
    const keys = [{}, { messageId: undefined }, { exchange: 'ek', routingKey: '' }, { body: Buffer.from('2') }].map(
      (more) => keyOf(message(more)),
    );
    expect(new Set(keys).size).toBe(4);
    expect(keyOf(message({}))).toBe(keys[0]);
  });
});
