import type { Buffer } from 'node:buffer';
import { isError, reasonOf } from '../common/reason.js';

/**
 * Sizes of bodies that are searched for in a reason, in bytes. A shorter body may be any word, and no message quotes a
 * longer one in full.
 */
const BODY = { min: 8, max: 16_384 } as const;

/** Returns the reason of a failure, see {@link reasonOf}, without the payload of the failed message. */
export function failureReason(thrown: unknown, body: Buffer): string {
  const reason = reasonOf(thrown);
  // A thrown value that is no error may be the payload or a part of it.
  const [, type, text] = isError(thrown) ? [] : (/^(a thrown [^:]+): (.+)$/s.exec(reason) ?? []);
  if (type !== undefined && text !== undefined && body.includes(text)) return type;
  if (body.length < BODY.min || body.length > BODY.max) return reason;
  return reason.replaceAll(body.toString(), '…');
}
