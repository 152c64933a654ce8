import { Buffer } from 'node:buffer';
import { ByteReader } from './bytes.js';
import { WireError } from './errors.js';
import { BASIC_CLASS, FRAME_END, FRAME_OVERHEAD, FrameType } from './spec.js';
import { readUint16, readUint32, readUint64 } from './uint.js';

const NO_BODY = Buffer.alloc(0);

/** A received message: the property section is still encoded, the body is complete. */
export class Content {
  /** @param bytes begin with the property section, of `propertiesSize` bytes */
  constructor(
    private readonly bytes: Buffer,
    private readonly propertiesSize: number,
    readonly body: Buffer,
  ) {}

  /** Size of properties and body in bytes. */
  get size(): number {
    return this.propertiesSize + this.body.length;
  }

  /** The encoded property section. */
  get properties(): Buffer {
    return this.bytes.subarray(0, this.propertiesSize);
  }

  /** Returns a reader for the property section, for `readProperties`. */
  propertiesReader(): ByteReader {
    return new ByteReader(this.bytes, 0, this.propertiesSize);
  }
}

/**
 * Gathers one channel's content (section 4.2.6): a header frame, then body frames up to the announced size. What it
 * keeps is copied out of the read buffer once, properties and body together where the whole message is there already,
 * and nothing is allocated from a size that was only announced.
 *
 *     idle ──begin──▶ header ──onHeader──▶ body ──onBody (all there)──▶ idle
 *                                └─────────(size 0)──────────────────────▲
 */
export class ContentAssembler {
  private state: 'idle' | 'header' | 'body' = 'idle';
  /** The property section, followed by bytes that were copied together with it. */
  private bytes: Buffer = NO_BODY;
  private propertiesSize = 0;
  private parts: Buffer[] = [];
  /** The body, if it was copied together with the properties; its frame is the next. */
  private copied: Buffer | undefined;
  private bodySize = 0;
  private missing = 0;
  private skipping = false;

  /**
   * @param complete called with the content once it is whole; undefined in its place when it was over the limit. `header`:
   *   the content, or when it was over the limit its properties with an empty body
   * @param maxBodySize larger bodies are skipped, unbuffered; in bytes
   */
  constructor(
    private readonly complete: (content: Content | undefined, bodySize: number, header: Content) => void,
    private readonly maxBodySize: number,
  ) {}

  get idle(): boolean {
    return this.state === 'idle';
  }

  /** A method with content has arrived. */
  begin(): void {
    this.state = 'header';
  }

  reset(): void {
    this.state = 'idle';
    this.parts = [];
    this.copied = undefined;
  }

  /** @param limit end of the received bytes in `buffer` */
  onHeader(buffer: Buffer, start: number, end: number, limit = end): void {
    if (this.state !== 'header') throw new WireError('UNEXPECTED_FRAME', 'a content header without its method');
    if (end - start < 14) throw new WireError('SYNTAX_ERROR', 'a truncated content header');
    const classId = readUint16(buffer, start);
    if (classId !== BASIC_CLASS) throw new WireError('FRAME_ERROR', `a content header of class ${classId}`);
    const size = readUint64(buffer, start + 4);
    if (size > Number.MAX_SAFE_INTEGER) throw new WireError('SYNTAX_ERROR', 'a content header with a negative size');
    this.bodySize = this.missing = size;
    this.skipping = size > this.maxBodySize;
    this.state = 'body';
    this.propertiesSize = end - start - 12;
    if (size > 0 && !this.skipping && bodyFollows(buffer, start, end, limit, size)) {
      this.bytes = copyOf(buffer, start + 12, end + FRAME_OVERHEAD + size);
      this.copied = this.bytes.subarray(this.propertiesSize + FRAME_OVERHEAD);
      return;
    }
    this.bytes = copyOf(buffer, start + 12, end);
    if (size === 0) this.finish(NO_BODY);
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    if (this.state !== 'body') throw new WireError('UNEXPECTED_FRAME', 'a body frame without its content header');
    const size = end - start;
    if (size > this.missing) {
      throw new WireError(
        'FRAME_ERROR',
        `a body of ${this.bodySize - this.missing + size} bytes; its header said ${this.bodySize}`,
      );
    }
    this.missing -= size;
    if (this.skipping) {
      if (this.missing === 0) this.finish(undefined);
      return;
    }
    // An empty frame is legal anywhere before the end. It is dropped, since empty frames could collect without ever
    // reaching the announced size.
    if (size === 0) return;
    if (this.copied) return this.finish(this.copied);
    const part = copyOf(buffer, start, end);
    if (this.missing > 0) this.parts.push(part);
    else if (this.parts.length === 0) this.finish(part);
    else this.finish(Buffer.concat([...this.parts, part]));
  }

  private finish(body: Buffer | undefined): void {
    const { bytes, propertiesSize, bodySize } = this;
    this.reset();
    const header = new Content(bytes, propertiesSize, body ?? NO_BODY);
    this.complete(body && header, bodySize, header);
  }
}

/**
 * Returns true if the next frame is complete and contains the whole body; it is then also the next frame to be
 * processed.
 */
function bodyFollows(buffer: Buffer, start: number, end: number, limit: number, size: number): boolean {
  const next = end + 1;
  return (
    next + size + FRAME_OVERHEAD <= limit &&
    buffer[next] === FrameType.body &&
    buffer[next + 1] === buffer[start - 6] &&
    buffer[next + 2] === buffer[start - 5] &&
    readUint32(buffer, next + 3) === size &&
    buffer[next + 7 + size] === FRAME_END
  );
}

function copyOf(buffer: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  buffer.copy(copy, 0, start, end);
  return copy;
}
