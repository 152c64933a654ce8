import type { ConsumerFailure } from '../../../src/index.js';

/** The end of a message, as the table of docs/consumers.md lists it. */
export type End = 'handled' | 'parked' | 'dead-lettered' | 'discarded' | 'answered' | 'answered with an error';

export type Decision = ConsumerFailure['decision'];

/** The queues of the application. Each has one consumer, except `expiring`, which has none. */
export const QUEUES = [
  'work',
  'late',
  'slow',
  'spent',
  'gone',
  'limited',
  'hand',
  'batch',
  'price',
  'expiring',
] as const;
export type QueueName = (typeof QUEUES)[number];

/** A kind of message: its queue, and its row of the table. */
export interface Kind {
  readonly name: string;
  readonly queue: QueueName;
  /** Share of the messages, per thousand. */
  readonly share: number;
  readonly end: End;
  /** The decisions that `failures$` reports, by attempt. Without an entry no attempt fails. */
  readonly decisions?: Readonly<Record<number, readonly Decision[]>>;
  /** The request is also rejected, so the dead-letter exchange receives it. */
  readonly alsoDead?: boolean;
  /** The handler settles the message, so `failures$` does not report it. */
  readonly byHand?: boolean;
  /** Milliseconds after which the broker expires the message. No event reports the expiry. */
  readonly expiration?: number;
}

const twice = { 1: ['retry'], 2: ['retry'] } as const;

export const KINDS: readonly Kind[] = [
  { name: 'returns', queue: 'work', share: 480, end: 'handled' },
  { name: 'throws once', queue: 'work', share: 60, end: 'handled', decisions: { 1: ['retry'] } },
  { name: 'throws always', queue: 'work', share: 30, end: 'parked', decisions: { ...twice, 3: ['park'] } },
  { name: 'asks for a retry', queue: 'work', share: 30, end: 'handled', decisions: { 1: ['retry'] } },
  { name: 'is rejected', queue: 'work', share: 30, end: 'dead-lettered', decisions: { 1: ['dead-letter'] } },
  { name: 'is requeued once', queue: 'work', share: 40, end: 'handled', decisions: { 1: ['requeue'] } },
  { name: 'a guard refuses', queue: 'work', share: 20, end: 'parked', decisions: { 1: ['park'] } },
  { name: 'a pipe refuses', queue: 'work', share: 20, end: 'parked', decisions: { 1: ['park'] } },
  { name: 'undecodable', queue: 'work', share: 20, end: 'parked', decisions: { 1: ['park'] } },
  { name: 'too large', queue: 'work', share: 10, end: 'parked', decisions: { 1: ['park'] }, alsoDead: true },
  { name: 'returns late', queue: 'late', share: 8, end: 'handled' },
  { name: 'times out', queue: 'slow', share: 6, end: 'parked', decisions: { 1: ['retry'], 2: ['park'] } },
  { name: 'times out once', queue: 'slow', share: 6, end: 'handled', decisions: { 1: ['retry'] } },
  { name: 'spent: dead-letter', queue: 'spent', share: 20, end: 'dead-lettered', decisions: { 1: ['retry'], 2: ['dead-letter'] } },
  { name: 'spent: discard', queue: 'gone', share: 20, end: 'discarded', decisions: { 1: ['retry'], 2: ['discard'] } },
  { name: 'requeued to its limit', queue: 'limited', share: 2, end: 'parked', decisions: { 1: ['requeue', 'park'] } },
  { name: 'expires', queue: 'expiring', share: 20, end: 'dead-lettered', expiration: 50 },
  { name: 'acked by hand', queue: 'hand', share: 40, end: 'handled' },
  { name: 'nacked once by hand', queue: 'hand', share: 10, end: 'handled', byHand: true },
  { name: 'rejected by hand', queue: 'hand', share: 10, end: 'dead-lettered', byHand: true },
  // When one message throws, the whole batch is retried.
  { name: 'of a batch', queue: 'batch', share: 50, end: 'handled', decisions: { 1: ['retry'] } },
  { name: 'throws for its batch', queue: 'batch', share: 4, end: 'handled', decisions: { 1: ['retry'] } },
  { name: 'of a batch, rejected', queue: 'batch', share: 6, end: 'dead-lettered', decisions: { 1: ['dead-letter', 'retry'] } },
  { name: 'of a batch, refused', queue: 'batch', share: 6, end: 'parked', decisions: { 1: ['park'] } },
  { name: 'request', queue: 'price', share: 40, end: 'answered' },
  { name: 'request, retried', queue: 'price', share: 10, end: 'answered', decisions: { 1: ['retry'] } },
  { name: 'request, throws', queue: 'price', share: 15, end: 'answered with an error', decisions: { 1: ['answer'] } },
  { name: 'request, refused', queue: 'price', share: 5, end: 'answered with an error', decisions: { 1: ['answer'] } },
  { name: 'request, rejected', queue: 'price', share: 10, end: 'answered with an error', decisions: { 1: ['dead-letter'] }, alsoDead: true },
]; // prettier-ignore

/** The payload that handlers and pipes see. */
export interface Letter {
  readonly n: number;
  readonly kind: string;
  readonly pad?: string;
}

export const MAX_MESSAGE_SIZE = 20_000;

/** Returns the bytes or the value to publish. */
export function bodyOf(n: number, { name }: Kind): Letter | Buffer {
  if (name === 'undecodable') return Buffer.from('{"n":');
  return { n, kind: name, ...(name === 'too large' ? { pad: 'x'.repeat(1.5 * MAX_MESSAGE_SIZE) } : {}) };
}

/** Chooses a kind by a number from 0 to 1. */
export function drawKind(random: number): Kind {
  let left = random * KINDS.reduce((sum, { share }) => sum + share, 0);
  return KINDS.find(({ share }) => (left -= share) < 0) ?? KINDS[0]!;
}

export function kindNamed(name: string): Kind {
  return KINDS.find((kind) => kind.name === name)!;
}
