import type { ByteReader, ByteWriter } from './bytes.js';
import { EncodingError } from './errors.js';

/** The last second that a Date can hold. */
const LAST = 8_640_000_000_000n;

/**
 * A timestamp beyond what a Date can hold (the year 275760), as publishers send that write microseconds where AMQP has
 * seconds. It is an invalid Date (`getTime()` is NaN) which knows its `seconds`, and is written as it was read.
 */
export class DistantDate extends Date {
  constructor(
    /** Since 1970, as it came; unsigned 64 bits. */
    readonly seconds: bigint,
  ) {
    super(NaN);
  }
}

/** Whole seconds since 1970, unsigned 64 bits (section 4.2.5.4). */
export function readTimestamp(reader: ByteReader): Date {
  const seconds = BigInt.asUintN(64, reader.int64());
  return seconds <= LAST ? new Date(Number(seconds) * 1000) : new DistantDate(seconds);
}

/** @throws EncodingError that names `path` */
export function writeTimestamp(writer: ByteWriter, value: Date, path: string): void {
  if (value instanceof DistantDate) {
    const { seconds } = value;
    if (typeof seconds !== 'bigint' || seconds !== BigInt.asUintN(64, seconds)) {
      throw new EncodingError(`the seconds of ${path} must be a bigint from 0 to 2^64-1`);
    }
    return writer.int64(BigInt.asIntN(64, seconds));
  }
  const seconds = value instanceof Date ? Math.floor(value.getTime() / 1000) : NaN;
  if (!(seconds >= 0)) throw new EncodingError(`${path} must be a Date from 1970 on`);
  writer.longlong(seconds);
}
