import type { FieldTable, FieldValue } from '../../../lib/client/index.js';
import { isTable } from '../../common/is-table.js';
import { framesOf } from '../../common/reason.js';

/** A failure, as it is stored in the header of its message. */
export interface FailureRecord {
  /**
   * The error and its causes: `TypeError: fetch failed ← Error: connect ECONNREFUSED …`. Never contains the payload.
   */
  readonly message: string;
  /** Frames of the error's stack; undefined if it has none. */
  readonly stack?: string;
  /** When the attempt failed, by the clock of the consumer's process. */
  readonly time: Date;
}

/** Maximum bytes of text, so that two failures and all other headers fit into a frame of 4,096. */
const MAX_MESSAGE = 600;
const MAX_STACK = 900;

/** Creates a record of limited size. @param reason the error as text, see `failureReason` */
export function recordOf(error: unknown, reason: string, time: Date): FailureRecord {
  const message = bounded(reason, MAX_MESSAGE);
  const stack = framesOf(error);
  return stack === undefined ? { message, time } : { message, stack: bounded(stack, MAX_STACK), time };
}

export function toTable({ message, stack, time }: FailureRecord): FieldTable {
  return { message, stack, time };
}

/** Returns undefined for a value that `toTable` has not written. */
export function fromTable(value: FieldValue): FailureRecord | undefined {
  if (!isTable(value)) return undefined;
  const { message, stack, time } = value;
  if (typeof message !== 'string' || !(time instanceof Date)) return undefined;
  return typeof stack === 'string' ? { message, stack, time } : { message, time };
}

/** Shortens a text to at most `bytes` bytes of UTF-8, at a character boundary. */
function bounded(text: string, bytes: number): string {
  const { read } = new TextEncoder().encodeInto(text.toWellFormed(), new Uint8Array(bytes));
  return read < text.length ? `${text.slice(0, read)}…` : text.toWellFormed();
}
