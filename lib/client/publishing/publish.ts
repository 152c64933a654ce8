import type { OutgoingMessage } from '../../protocol/types.js';
import { diagnostics, type ConfirmMessage, type PublishMessage } from '../diagnostics.js';
import { PublishNackedError } from '../errors.js';

/** One message on its way to the socket. */
export interface Message extends OutgoingMessage {
  /** The routing key on the wire, where it is another: the present name of a queue that the broker has named. */
  writtenKey?: string;
}

/** A publish from its call to its outcome. */
export interface Publish extends Message {
  /** Clock time in ms; Infinity for none. */
  readonly deadline: number;
  resolve: (deliveryTag: number) => void;
  reject: (error: unknown) => void;
  /** The caller has its outcome; a confirm that still comes is absorbed. */
  settled: boolean;
  /** It was sent before, on a channel that is gone: `unknown`: the broker may have that one; `not-there`: it has not. */
  earlier: 'unknown' | 'not-there' | undefined;
}

/** Gives the caller its outcome, the first one only. */
export function succeed(publish: Publish, deliveryTag: number): void {
  if (publish.settled) return;
  publish.settled = true;
  publish.resolve(deliveryTag);
}

/** Rejects the caller once; later outcomes are ignored. */
export function fail(publish: Publish, error: unknown): void {
  if (publish.settled) return;
  publish.settled = true;
  publish.reject(error);
}

/** Returns `'unknown'` if the broker may have the message from an earlier sending, else undefined. */
export function earlierOutcome({ earlier }: Publish): 'unknown' | undefined {
  return earlier === 'unknown' ? 'unknown' : undefined;
}

export function nacked(publish: Publish): PublishNackedError {
  const to = `exchange '${publish.exchange}', routing key '${publish.routingKey}'`;
  return new PublishNackedError(`the broker could not take the message (basic.nack; ${to})`, earlierOutcome(publish));
}

/** Tells the diagnostics channel of a message that was sent. */
export function reportPublish(message: Message): void {
  if (diagnostics.publish.hasSubscribers) diagnostics.publish.publish(describe(message));
}

/** Tells the diagnostics channel of what the broker has answered. */
export function reportConfirm(publish: Publish, outcome: ConfirmMessage['outcome']): void {
  if (!diagnostics.confirm.hasSubscribers) return;
  const message: ConfirmMessage = { ...describe(publish), outcome };
  diagnostics.confirm.publish(message);
}

function describe({ exchange, routingKey, properties, body }: Message): PublishMessage {
  return { exchange, routingKey, properties, size: body.length };
}
