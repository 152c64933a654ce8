import { Buffer } from 'node:buffer';
import { WireError } from './errors.js';

const BASIC_CLASS = 60;
const NO_BODY = Buffer.alloc(0);

/** A message as it came: the property section still encoded (read it with `readProperties`), the body whole. */
export interface Content {
  readonly properties: Buffer;
  readonly body: Buffer;
}

/**
 * Gathers one channel's content (section 4.2.6): a header frame, then body frames up to the announced size. What it
 * keeps is copied out of the read buffer once, and nothing is allocated from a size that was only announced.
 *
 *     idle ──begin──▶ header ──onHeader──▶ body ──onBody (all there)──▶ idle
 *                                └─────────(size 0)──────────────────────▲
 */
export class ContentAssembler {
  private state: 'idle' | 'header' | 'body' = 'idle';
  private properties: Buffer = NO_BODY;
  private parts: Buffer[] = [];
  private bodySize = 0;
  private missing = 0;
  private skipping = false;

  /**
   * @param complete called with the content once it is whole; undefined in its place when it was over the limit
   * @param maxBodySize larger bodies are skipped, unbuffered; in bytes
   */
  constructor(
    private readonly complete: (content: Content | undefined, bodySize: number) => void,
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
  }

  onHeader(buffer: Buffer, start: number, end: number): void {
    if (this.state !== 'header') throw new WireError('UNEXPECTED_FRAME', 'a content header without its method');
    if (end - start < 14) throw new WireError('SYNTAX_ERROR', 'a truncated content header');
    const classId = buffer.readUInt16BE(start);
    if (classId !== BASIC_CLASS) throw new WireError('FRAME_ERROR', `a content header of class ${classId}`);
    const size = buffer.readUInt32BE(start + 4) * 0x1_0000_0000 + buffer.readUInt32BE(start + 8);
    if (size > Number.MAX_SAFE_INTEGER) throw new WireError('SYNTAX_ERROR', 'a content header with a negative size');
    this.properties = Buffer.from(buffer.subarray(start + 12, end));
    this.bodySize = this.missing = size;
    this.skipping = size > this.maxBodySize;
    this.state = 'body';
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
    // An empty frame is legal anywhere before the end; kept, they would gather without ever reaching the announced size.
    if (size === 0) return;
    const part = Buffer.from(buffer.subarray(start, end));
    if (this.missing > 0) this.parts.push(part);
    else if (this.parts.length === 0) this.finish(part);
    else this.finish(Buffer.concat([...this.parts, part]));
  }

  private finish(body: Buffer | undefined): void {
    const { properties, bodySize } = this;
    this.reset();
    this.complete(body && { properties, body }, bodySize);
  }
}
