import type { Buffer } from 'node:buffer';
import { isError, reasonOf } from '../common/reason.js';

/** Bytes of a body that is looked for in a reason: a shorter one may be any word, a longer one no message quotes whole. */
const BODY = { min: 8, max: 16_384 } as const;

/** The reason of a failure, see {@link reasonOf}, without the payload of the message that failed. */
export function failureReason(thrown: unknown, body: Buffer): string {
  const reason = reasonOf(thrown);
  // What is thrown and is no error may be the payload, or a part of it.
  const [, type, text] = isError(thrown) ? [] : (/^(a thrown [^:]+): (.+)$/s.exec(reason) ?? []);
  if (type !== undefined && text !== undefined && body.includes(text)) return type;
  if (body.length < BODY.min || body.length > BODY.max) return reason;
  return reason.replaceAll(body.toString(), '…');
}
