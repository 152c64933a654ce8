import { randomUUID } from 'node:crypto';

/** The time of the last id in ms, and 12 bits that count the ids of this ms. */
let last = 0n;

/**
 * Returns a UUID of version 7: each is greater than those that this process made before it. pg-boss relays the messages of
 * one transaction in the order of their ids.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
 */
export function messageId(): string {
  const now = BigInt(Date.now()) << 12n;
  last = now > last ? now : last + 1n;
  const time = last.toString(16).padStart(15, '0');
  return `${time.slice(0, 8)}-${time.slice(8, 12)}-7${time.slice(12)}-${randomUUID().slice(19)}`;
}
