import { Buffer } from 'node:buffer';
import { EncodingError, WireError } from './errors.js';
import { decodeText, encodeEscaped } from './lossless-text.js';
import { readUint16, readUint32, readUint64 } from './uint.js';

const TWO_32 = 0x1_0000_0000;
/** A short string's length and its bytes, at most. */
export const SHORTSTR_MAX = 256;
/** Longer strings are quicker in Buffer's hands. In characters. */
export const ASCII_MAX = 64;

/** Writes the base types of section 4.2 into a buffer that grows. After an error it is only good for a reset. */
export class ByteWriter {
  private buffer: Buffer;
  private position = 0;

  constructor(capacity = 1024) {
    this.buffer = Buffer.allocUnsafeSlow(capacity);
  }

  get length(): number {
    return this.position;
  }

  /** Forgets what was written from `to` on. */
  reset(to = 0): void {
    this.position = to;
  }

  /** A view of what was written; valid until the next write or reset. */
  view(): Buffer {
    return this.buffer.subarray(0, this.position);
  }

  octet(value: number): void {
    const at = this.reserve(1);
    this.buffer[at] = value;
  }

  short(value: number): void {
    const at = this.reserve(2);
    this.buffer.writeUInt16BE(value, at);
  }

  /** Writes over what stands at `at`. */
  shortAt(at: number, value: number): void {
    this.buffer.writeUInt16BE(value, at);
  }

  long(value: number): void {
    const at = this.reserve(4);
    this.buffer.writeUInt32BE(value, at);
  }

  /** Writes over what stands at `at`. */
  longAt(at: number, value: number): void {
    this.buffer.writeUInt32BE(value, at);
  }

  /** A whole number from 0 to 2^53. */
  longlong(value: number): void {
    this.long(Math.floor(value / TWO_32));
    this.long(value % TWO_32);
  }

  int64(value: bigint): void {
    const at = this.reserve(8);
    this.buffer.writeBigInt64BE(value, at);
  }

  float(value: number): void {
    const at = this.reserve(4);
    this.buffer.writeFloatBE(value, at);
  }

  double(value: number): void {
    const at = this.reserve(8);
    this.buffer.writeDoubleBE(value, at);
  }

  /** At most 255 bytes of UTF-8. @throws EncodingError, naming `what` */
  shortstr(value: string, what: string): void {
    const at = this.reserve(SHORTSTR_MAX);
    this.position = putShortstr(this.buffer, at, value, what);
  }

  /**
   * A short string of a message (a property, a header's name), which may have been read from bytes that are not UTF-8:
   * these are written back, see lossless-text.ts. RabbitMQ passes them on in messages; in a method's arguments it takes
   * them for a frame error.
   */
  messageShortstr(value: string, what: string): void {
    const bytes = typeof value === 'string' && !value.isWellFormed() ? encodeEscaped(value) : undefined;
    if (!bytes) return this.shortstr(value, what);
    this.octet(checkedSize(bytes.length, what));
    const at = this.reserve(bytes.length);
    this.buffer.set(bytes, at);
  }

  longstr(value: string, what: string): void {
    if (!value.isWellFormed()) throw loneSurrogate(what);
    const size = Buffer.byteLength(value);
    this.long(size);
    const at = this.reserve(size);
    this.buffer.write(value, at, size);
  }

  /** Bytes with their length before them. */
  longbytes(value: Uint8Array): void {
    this.long(value.length);
    const at = this.reserve(value.length);
    this.buffer.set(value, at);
  }

  /** Bytes as they are. */
  bytes(value: Uint8Array): void {
    const at = this.reserve(value.length);
    this.buffer.set(value, at);
  }

  /** Leaves room for a 32-bit length, runs `write`, and puts the length of what it wrote there. */
  sized(write: () => void): void {
    const at = this.reserve(4);
    write();
    this.buffer.writeUInt32BE(this.position - at - 4, at);
  }

  /** May put another buffer in the place of `buffer`: call it first, on its own, and then look at `buffer`. */
  private reserve(size: number): number {
    const at = this.position;
    const end = at + size;
    if (end > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(end, this.buffer.length * 2));
      grown.set(this.buffer.subarray(0, at));
      this.buffer = grown;
    }
    this.position = end;
    return at;
  }
}

/**
 * Writes a short string where `SHORTSTR_MAX` bytes are free; returns where it ends. ASCII, which names nearly always
 * are, is checked and written in one go: Buffer's own methods take three calls into native code for it.
 *
 * @throws EncodingError, naming `what`
 */
export function putShortstr(buffer: Buffer, at: number, value: string, what: string): number {
  if (typeof value === 'string' && value.length <= ASCII_MAX && putAscii(buffer, at + 1, value)) {
    buffer[at] = value.length;
    return at + 1 + value.length;
  }
  const size = shortstrSize(value, what);
  buffer[at] = size;
  buffer.write(value, at + 1, size);
  return at + 1 + size;
}

/** Writes a text that is ASCII; false when it is not, and something may have been written then. */
export function putAscii(buffer: Buffer, at: number, value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code > 0x7f) return false;
    buffer[at + index] = code;
  }
  return true;
}

/** The bytes of `value` as a short string. @throws EncodingError when there are over 255, or it is not Unicode */
export function shortstrSize(value: string, what: string): number {
  if (typeof value !== 'string') throw new EncodingError(`${what} must be a string, not ${describe(value)}`);
  if (!value.isWellFormed()) throw loneSurrogate(what);
  return checkedSize(Buffer.byteLength(value), what);
}

function checkedSize(size: number, what: string): number {
  if (size > 255) throw new EncodingError(`${what} has ${size} bytes; AMQP's short strings hold 255 at most`);
  return size;
}

function loneSurrogate(what: string): EncodingError {
  return new EncodingError(`${what} has a lone surrogate: it is not a Unicode string and has no UTF-8 form`);
}

/** Names a value's type for an error message, never its content. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  return value.constructor?.name ?? 'object';
}

/** Describes a value with its article, for errors: `an Array`, `undefined`. */
export function describeWithArticle(value: unknown): string {
  const text = describe(value);
  if (value === null || value === undefined) return text;
  return `${/^[AEIOaeio]/.test(text) ? 'an' : 'a'} ${text}`;
}

/** Reads the base types of section 4.2 from a part of a buffer. Every read past its end is a SYNTAX_ERROR. */
export class ByteReader {
  private buffer!: Buffer;
  private position = 0;
  private end = 0;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.over(buffer, start, end);
  }

  /** Reads from another place: a reader that lives as long as its connection allocates nothing per method. */
  over(buffer: Buffer, start: number, end: number): this {
    this.buffer = buffer;
    this.position = start;
    this.end = end;
    return this;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  octet(): number {
    return this.buffer[this.take(1)]!;
  }

  int8(): number {
    return this.buffer.readInt8(this.take(1));
  }

  short(): number {
    return readUint16(this.buffer, this.take(2));
  }

  int16(): number {
    return this.buffer.readInt16BE(this.take(2));
  }

  long(): number {
    return readUint32(this.buffer, this.take(4));
  }

  int32(): number {
    return this.buffer.readInt32BE(this.take(4));
  }

  /** Exact up to 2^53. */
  longlong(): number {
    return readUint64(this.buffer, this.take(8));
  }

  int64(): bigint {
    return this.buffer.readBigInt64BE(this.take(8));
  }

  float(): number {
    return this.buffer.readFloatBE(this.take(4));
  }

  double(): number {
    return this.buffer.readDoubleBE(this.take(8));
  }

  /** Reads a short string. Bytes that are not UTF-8 survive, see lossless-text.ts. */
  shortstr(): string {
    const size = this.octet();
    const at = this.take(size);
    return decodeText(this.buffer, at, at + size);
  }

  /** A view, not a copy: keep it only as long as the buffer is yours. */
  longbytes(): Buffer {
    const size = this.long();
    const at = this.take(size);
    return this.buffer.subarray(at, at + size);
  }

  /** A copy of the bytes that `read` reads. */
  copyOf(read: () => void): Buffer {
    const start = this.position;
    read();
    return Buffer.from(this.buffer.subarray(start, this.position));
  }

  /** Runs `read` until the next `size` bytes are used up; it must not read past them. */
  within(size: number, read: () => void): void {
    const end = this.end;
    const limit = this.take(size) + size;
    this.position -= size;
    this.end = limit;
    while (this.position < limit) read();
    this.end = end;
  }

  private take(size: number): number {
    const at = this.position;
    if (size > this.end - at) {
      throw new WireError('SYNTAX_ERROR', `truncated: ${size} bytes announced, ${this.end - at} there`);
    }
    this.position = at + size;
    return at;
  }
}
