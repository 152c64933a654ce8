import { createHash } from 'node:crypto';
import type { ParkedMessage } from '../../settlement/parking/parked-message.js';

/** Maximum characters of a text that are folded, since anybody may have written it, and of the result. */
const MAX_FOLDED = 2_000;
const MAX_TEXT = 300;

/** The error that the messages of one group have in common. */
export interface FailureGroup {
  /** A hash of the rest. */
  readonly id: string;
  /** Class of the error, such as `TypeError`; empty for a message that no consumer parked. */
  readonly type: string;
  /** The error's text with `#` in place of numbers and `‹id›` in place of ids. */
  readonly text: string;
  /** The handler that failed; undefined if it is unknown. */
  readonly handler: string | undefined;
}

const UUID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi;
/** Words of eight or more characters with at least one digit: hashes, ObjectIds, ULIDs, tokens, order numbers. */
const ID = /\b(?=[\w-]*\d)[\w-]{8,}\b/g;
const NUMBER = /\d+(?:[.,]\d+)*/g;

/** Returns the text without what differs from message to message. */
export function folded(text: string): string {
  const plain = text.slice(0, MAX_FOLDED).replace(UUID, '‹id›').replace(ID, '‹id›').replace(NUMBER, '#');
  return plain.length > MAX_TEXT ? `${plain.slice(0, MAX_TEXT)}…` : plain;
}

/**
 * Returns the group of a message by its last failure.
 *
 * @param handlers handlers of the queue in this process. The stack of the failure tells which of several it was
 */
export function groupOf(
  { lastFailure }: Pick<ParkedMessage, 'lastFailure'>,
  handlers: readonly string[],
): FailureGroup {
  if (!lastFailure) return withId({ type: '', text: 'parked by another client', handler: undefined });
  const { message, stack = '' } = lastFailure;
  const [, type = '', rest = message] = /^([\w$.]+)(?:: |$)(.*)$/s.exec(message) ?? [];
  const handler = handlers.length === 1 ? handlers[0] : handlers.find((name) => stack.includes(`at ${name} `));
  return withId({ type, text: folded(rest), handler });
}

function withId(group: Omit<FailureGroup, 'id'>): FailureGroup {
  return { id: hashOf(group.type, group.text, group.handler ?? ''), ...group };
}

/** Returns an id of the message: the same at each look, also for a message without a message id. */
export function keyOf({ messageId, exchange, routingKey, lastFailure, body }: ParkedMessage): string {
  return hashOf(messageId ?? '', exchange, routingKey, String(lastFailure?.time.getTime()), body);
}

function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 24);
}
