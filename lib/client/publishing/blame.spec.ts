import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import { NotFoundError, PreconditionFailedError } from '../errors.js';
import { blame } from './blame.js';
import type { Publish } from './publish.js';

const publishTo = (exchange: string): Publish => ({
  exchange,
  routingKey: 'k',
  mandatory: false,
  properties: {},
  body: Buffer.alloc(0),
  deadline: Infinity,
  resolve: () => {},
  reject: () => {},
  outcome: undefined,
  settled: false,
  earlier: undefined,
});
const never = (): boolean => false;
const missing = new NotFoundError("404 NOT_FOUND - no exchange 'gone' in vhost '/'", {
  method: 'basic.publish',
  replyText: "NOT_FOUND - no exchange 'gone' in vhost '/'",
});

describe('blame', () => {
  it('finds the first publish to the exchange that is missing', () => {
    const sent = [publishTo(''), publishTo('gone'), publishTo('')];
    const { notThereFrom, guilty } = blame(missing, sent, never);
    expect(notThereFrom).toBe(1);
    expect(sent.map(guilty)).toEqual([false, true, false]);
  });

  it('takes the only publish for the culprit where the text tells nothing', () => {
    const unclear = new PreconditionFailedError('406', { method: 'basic.publish', replyText: 'no' });
    const sent = [publishTo('')];
    expect(blame(unclear, sent, never).notThereFrom).toBe(0);
    expect(sent.map(blame(unclear, sent, never).guilty)).toEqual([true]);
  });

  it('does not blame the only publish where the text tells of another, sent before confirm.select', () => {
    const sent = [publishTo('')];
    const { notThereFrom, guilty } = blame(missing, sent, never);
    expect(notThereFrom).toBe(Infinity);
    expect(sent.map(guilty)).toEqual([false]);
  });
});
