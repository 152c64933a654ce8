import type { FieldTable, FieldValue } from '../../../lib/client/index.js';

/** A failure as it travels with its message. */
export interface FailureRecord {
  /** `TypeError: …`; of what is thrown and is no error only the type, for it may be the payload. */
  readonly message: string;
  /** Undefined for what is no error. */
  readonly stack?: string;
  readonly time: Date;
}

/** Bytes of text: with two failures, and all else that headers hold, well below a frame of 4,096. */
const MAX_MESSAGE = 300;
const MAX_STACK = 900;

/** What is known of an error, of bounded size. */
export function recordOf(error: unknown, time: Date): FailureRecord {
  if (!(error instanceof Error)) return { message: `a thrown ${typeof error}`, time };
  const message = bounded(`${error.name}: ${error.message}`, MAX_MESSAGE);
  // The message stands there already.
  const frames = error.stack?.slice(error.stack.indexOf('\n    at ') + 1) ?? '';
  return frames.startsWith('    at ') ? { message, stack: bounded(frames, MAX_STACK), time } : { message, time };
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
