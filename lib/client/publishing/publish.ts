import type { OutgoingMessage } from '../../protocol/types.js';
import { diagnostics, type ConfirmMessage, type PublishMessage } from '../diagnostics.js';
import { PublishNackedError } from '../errors.js';
import type { PublishOutcome } from './publish-outcome.js';

/** One message on its way to the socket. */
export interface Message extends OutgoingMessage {
  /** The routing key on the wire if it differs: the present name of a server-named queue. */
  writtenKey?: string;
}

/** A publish from its call to its outcome. */
export interface Publish extends Message {
  /** Clock time in ms; Infinity for none. */
  readonly deadline: number;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
  /** Makes the value of the promise; undefined for the delivery tag. */
  readonly outcome: PublishOutcome | undefined;
  /** True if the caller has the outcome. A later confirm has no effect. */
  settled: boolean;
  /**
   * Set if the message was sent before on a lost channel. `unknown`: the broker may have that copy. `not-there`: it has
   * not.
   */
  earlier: 'unknown' | 'not-there' | undefined;
}

/** Returns `'unknown'` if the broker may have the message from an earlier sending, else undefined. */
export function earlierOutcome({ earlier }: Publish): 'unknown' | undefined {
  return earlier === 'unknown' ? 'unknown' : undefined;
}

export function nacked(publish: Publish): PublishNackedError {
  const to = `exchange '${publish.exchange}', routing key '${publish.routingKey}'`;
  return new PublishNackedError(`the broker could not take the message (basic.nack; ${to})`, earlierOutcome(publish));
}

/** Publishes a sent message on the diagnostics channel. */
export function reportPublish(message: Message): void {
  if (diagnostics.publish.hasSubscribers) diagnostics.publish.publish(describe(message));
}

/** Publishes the broker's answer on the diagnostics channel. */
export function reportConfirm(publish: Publish, outcome: ConfirmMessage['outcome']): void {
  if (!diagnostics.confirm.hasSubscribers) return;
  const message: ConfirmMessage = { ...describe(publish), outcome };
  diagnostics.confirm.publish(message);
}

function describe({ exchange, routingKey, properties, body }: Message): PublishMessage {
  return { exchange, routingKey, properties, size: body.length };
}
