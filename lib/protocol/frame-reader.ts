import { Buffer } from 'node:buffer';
import { WireError } from './errors.js';
import { FRAME_END, FRAME_MIN_SIZE, FRAME_OVERHEAD, FrameType } from './spec.js';
import { readUint16, readUint32 } from './uint.js';

/** Receives payloads of frames as parts of the read buffer. Copy data that must outlive the call. */
export interface FrameHandler {
  onMethod(channel: number, buffer: Buffer, start: number, end: number): void;
  /** @param limit end of the received bytes; the following frames may have arrived already */
  onHeader(channel: number, buffer: Buffer, start: number, end: number, limit: number): void;
  onBody(channel: number, buffer: Buffer, start: number, end: number): void;
  /** It has to be empty, and on channel 0 (section 4.2.7). @param size of its payload, in bytes */
  onHeartbeat(channel: number, size: number): void;
}

const HEADER_SIZE = 7;

/**
 * The one read path: finds frames in place, however the bytes are split. Keeps only the incomplete frame at the end of
 * a chunk, and checks a frame's size before it keeps anything.
 */
export class FrameReader {
  /** Maximum size of a frame in bytes: 4096 until tune negotiates another. */
  frameMax = FRAME_MIN_SIZE;
  /** Number of bytes by which a content header may exceed `frameMax`, since it cannot be split. */
  headerTolerance = 0;

  private carry = Buffer.allocUnsafeSlow(FRAME_MIN_SIZE);
  private carried = 0;
  private stopped = false;

  constructor(private readonly handler: FrameHandler) {}

  /** Drops the received bytes and ignores further ones: the connection is over. */
  stop(): void {
    this.stopped = true;
  }

  /**
   * Hands out the frames that `chunk` completes. Returns how much of it was taken: all, unless `goOn`, which is asked before
   * each frame that lies in it whole, said no. The rest then has to be pushed again.
   *
   * @throws WireError when it is not AMQP; the reader is then of no use
   */
  push(chunk: Buffer, goOn?: () => boolean): number {
    // Without this check, the chunk could complete the frame that was incomplete when stop() was called.
    if (this.stopped) return chunk.length;
    let position = this.carried > 0 ? this.completeCarried(chunk) : 0;
    while (!this.stopped && position < chunk.length) {
      const there = chunk.length - position;
      if (there < HEADER_SIZE) {
        // The type is checked at once, since a peer that does not speak AMQP may send less than a frame header and then
        // wait.
        checkType(chunk[position]!);
        break;
      }
      const frameSize = this.checkHeader(chunk, position) + FRAME_OVERHEAD;
      if (there < frameSize) break;
      if (goOn && !goOn()) return position;
      this.dispatch(chunk, position, frameSize, chunk.length);
      position += frameSize;
    }
    if (!this.stopped && position < chunk.length) this.keep(chunk, position, chunk.length);
    return chunk.length;
  }

  /** Completes the incomplete frame; returns the number of bytes of `chunk` that it used. */
  private completeCarried(chunk: Buffer): number {
    let position = 0;
    if (this.carried < HEADER_SIZE) {
      position = Math.min(HEADER_SIZE - this.carried, chunk.length);
      this.keep(chunk, 0, position);
      if (this.carried < HEADER_SIZE) return position;
    }
    const frameSize = this.checkHeader(this.carry, 0) + FRAME_OVERHEAD;
    const end = Math.min(position + frameSize - this.carried, chunk.length);
    this.keep(chunk, position, end, frameSize);
    if (this.carried === frameSize) {
      this.carried = 0;
      this.dispatch(this.carry, 0, frameSize, frameSize);
    }
    return end;
  }

  private keep(chunk: Buffer, start: number, end: number, frameSize = 0): void {
    const needed = Math.max(frameSize, this.carried + end - start);
    if (needed > this.carry.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.carry.length * 2, this.frameMax)));
      grown.set(this.carry.subarray(0, this.carried));
      this.carry = grown;
    }
    chunk.copy(this.carry, this.carried, start, end);
    this.carried += end - start;
  }

  private checkHeader(buffer: Buffer, at: number): number {
    checkType(buffer[at]!);
    const size = readUint32(buffer, at + 3);
    if (size > this.frameMax - FRAME_OVERHEAD) this.checkLarge(buffer[at]!, size + FRAME_OVERHEAD);
    return size;
  }

  private checkLarge(type: number, frameSize: number): void {
    const limit = this.frameMax + (type === FrameType.header ? this.headerTolerance : 0);
    if (frameSize > limit) {
      throw new WireError('FRAME_ERROR', `a frame of ${frameSize} bytes; at most ${this.frameMax} were agreed`);
    }
  }

  private dispatch(buffer: Buffer, at: number, frameSize: number, limit: number): void {
    const end = at + frameSize - 1;
    if (buffer[end] !== FRAME_END) {
      throw new WireError('FRAME_ERROR', `a frame that ends with 0x${buffer[end]!.toString(16)} instead of 0xce`);
    }
    const channel = readUint16(buffer, at + 1);
    const start = at + HEADER_SIZE;
    switch (buffer[at]) {
      case FrameType.method:
        return this.handler.onMethod(channel, buffer, start, end);
      case FrameType.header:
        return this.handler.onHeader(channel, buffer, start, end, limit);
      case FrameType.body:
        return this.handler.onBody(channel, buffer, start, end);
      default:
        return this.handler.onHeartbeat(channel, end - start);
    }
  }
}

function checkType(type: number): void {
  if (
    type !== FrameType.method &&
    type !== FrameType.body &&
    type !== FrameType.header &&
    type !== FrameType.heartbeat
  ) {
    throw new WireError('FRAME_ERROR', `unknown frame type 0x${type.toString(16).padStart(2, '0')}`);
  }
}
