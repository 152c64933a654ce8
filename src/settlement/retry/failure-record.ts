import type { FieldTable, FieldValue } from '../../../lib/client/index.js';
import { framesOf } from '../../common/reason.js';

/** A failure as it travels with its message. */
export interface FailureRecord {
  /** The reason, with its causes: `TypeError: fetch failed ← Error: connect ECONNREFUSED …`. Never the payload. */
  readonly message: string;
  /** The frames of the error's stack; undefined for what has none. */
  readonly stack?: string;
  readonly time: Date;
}

/** Bytes of text: with two failures, and all else that headers hold, below a frame of 4,096. */
const MAX_MESSAGE = 600;
const MAX_STACK = 900;

/** A failure, of bounded size. @param reason in words, see `failureReason` */
export function recordOf(error: unknown, reason: string, time: Date): FailureRecord {
  const message = bounded(reason, MAX_MESSAGE);
  const stack = framesOf(error);
  return stack === undefined ? { message, time } : { message, stack: bounded(stack, MAX_STACK), time };
}

export function toTable({ message, stack, time }: FailureRecord): FieldTable {
  return { message, stack, time };
}

/** Undefined for what `toTable` has not written. */
export function fromTable(value: FieldValue): FailureRecord | undefined {
  if (!isTable(value)) return undefined;
  const { message, stack, time } = value;
  if (typeof message !== 'string' || !(time instanceof Date)) return undefined;
  return typeof stack === 'string' ? { message, stack, time } : { message, time };
}

export function isTable(value: FieldValue): value is FieldTable {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** At most so many bytes of UTF-8, whole characters. */
function bounded(text: string, bytes: number): string {
  const { read } = new TextEncoder().encodeInto(text.toWellFormed(), new Uint8Array(bytes));
  return read < text.length ? `${text.slice(0, read)}…` : text.toWellFormed();
}
