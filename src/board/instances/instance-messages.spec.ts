import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import { encode, readAnswer, readAsk, type Answer, type Ask, type Instance } from './instance-messages.js';

const from: Instance = { id: 'i-1', host: 'host-1', pid: 7, since: 1_000, version: '1.0.0' };
const consumer = { queue: 'orders', handler: 'Orders.onOrder' };
const ask = (command: unknown, more: object = {}) =>
  Buffer.from(JSON.stringify({ from, by: 'alice', command, ...more }));
const answer: Answer = {
  instance: from,
  outcome: 'done',
  reason: undefined,
  states: { consuming: 2, paused: 1 },
  parked: { orders: 3 },
  consumers: [
    {
      ...consumer,
      connection: 'default',
      state: 'paused',
      prefetch: 0,
      concurrency: 3,
      inFlight: 1,
      handled: 5,
      failed: 2,
    },
  ],
};

describe('messages between instances', () => {
  it.each<Ask['command']>([
    { kind: 'roll-call' },
    { kind: 'consumers' },
    { kind: 'pause', ...consumer },
    { kind: 'resume', ...consumer },
    { kind: 'adjust', ...consumer, prefetch: 0, concurrency: 4 },
  ])('reads the command $kind as it was sent', (command) => {
    expect(readAsk(encode({ from, by: 'alice', command }))).toEqual({ from, by: 'alice', command });
  });

  it('keeps nothing of a command but what it knows', () => {
    const read = readAsk(ask({ kind: 'pause', ...consumer, more: 1 }, { from: { ...from, more: 2 }, more: 3 }));
    expect(read).toEqual({ from, by: 'alice', command: { kind: 'pause', ...consumer } });
  });

  it.each([
    ['no JSON', Buffer.from('pause')],
    ['null', Buffer.from('null')],
    ['a list', Buffer.from('[]')],
    ['an unknown command', ask({ kind: 'explode', ...consumer })],
    ['no command', ask(undefined)],
    ['a command without a queue', ask({ kind: 'pause', handler: 'x' })],
    ['a queue that is no text', ask({ kind: 'pause', queue: {}, handler: 'x' })],
    ['a name that is too long', ask({ kind: 'pause', queue: 'q'.repeat(1_001), handler: 'x' })],
    ['a negative limit', ask({ kind: 'adjust', ...consumer, prefetch: -1, concurrency: 1 })],
    ['a limit that is no whole number', ask({ kind: 'adjust', ...consumer, prefetch: 1.5, concurrency: 1 })],
    ['limits that are missing', ask({ kind: 'adjust', ...consumer })],
    ['no user', ask({ kind: 'roll-call' }, { by: undefined })],
    ['no sender', ask({ kind: 'roll-call' }, { from: undefined })],
    ['a sender without an id', ask({ kind: 'roll-call' }, { from: { ...from, id: '' } })],
    ['an unknown note', Buffer.from(JSON.stringify({ note: 'farewell', instance: from }))],
    ['too many bytes', ask({ kind: 'roll-call' }, { more: 'x'.repeat(20_000) })],
  ])('refuses %s', (_what, body) => {
    expect(readAsk(body)).toBeUndefined();
  });

  it('reads a note', () => {
    expect(readAsk(encode({ note: 'hello', instance: from }))).toEqual({ note: 'hello', instance: from });
  });

  it('reads an answer as it was sent', () => {
    expect(readAnswer(encode(answer))).toEqual(answer);
  });

  it('leaves out what it does not know of an answer', () => {
    const strange = {
      ...answer,
      states: { consuming: 1, asleep: 2, paused: 'x' },
      consumers: [{}, answer.consumers[0]],
    };
    expect(readAnswer(Buffer.from(JSON.stringify(strange)))).toEqual({ ...answer, states: { consuming: 1 } });
  });

  it.each([
    ['no JSON', Buffer.from('{')],
    ['an unknown outcome', Buffer.from(JSON.stringify({ ...answer, outcome: 'maybe' }))],
    ['no instance', Buffer.from(JSON.stringify({ ...answer, instance: undefined }))],
  ])('refuses an answer with %s', (_what, body) => {
    expect(readAnswer(body)).toBeUndefined();
  });
});
