import { Buffer } from 'node:buffer';
import { ByteWriter, describe } from './bytes.js';
import { EncodingError } from './errors.js';
import { methodId, writeMethod } from './methods.js';
import { writeProperties } from './properties.js';
import { PublishTemplate } from './publish-template.js';
import { BASIC_CLASS, FRAME_END, FRAME_MIN_SIZE, FRAME_OVERHEAD, FrameType } from './spec.js';
import type { OutgoingMessage, OutgoingProperties, MethodArguments, MethodName } from './types.js';
import { writeUint32, writeUint64 } from './uint.js';

/** Bytes to hand to the socket, in order, and the slabs to give back once they are written. */
export interface Batch {
  readonly chunks: readonly Buffer[];
  readonly bytes: number;
  readonly slabs: readonly Buffer[];
}

/** One slab holds what a busy tick writes; larger ones measured no faster. In bytes. */
const SLAB_SIZE = 64 * 1024;
/**
 * Slabs kept for reuse, 4 MiB: what `writeBufferSize` lets gather. Fewer, and each burst left its slabs to the garbage
 * collector, which is in no hurry: 25 MiB more at the peak.
 */
const FREE_SLABS = 64;
/** Bodies from this size on are handed to the socket as they are: copying them costs more than a writev. In bytes. */
export const DIRECT_BODY_SIZE = 16 * 1024;

const ACK = methodId('basic.ack');
const NACK = methodId('basic.nack');
const CONTENT_HEADER = 'the content header (properties and headers)';

/**
 * The one write path of a connection: every frame is appended to a slab, and the owner takes what has gathered once a
 * tick. A frame, and a publish with all its frames, is appended whole or not at all: whatever is wrong with it throws
 * before the first byte counts.
 *
 *     append ─▶ slab ─(full, or a body too large to copy)─▶ sealed chunks ─take()─▶ socket ─recycle()─▶ free slabs
 */
export class FrameWriter {
  /** The largest frame that may be sent, in bytes: 4096 until tune has negotiated another. */
  frameMax = FRAME_MIN_SIZE;

  private readonly scratch = new ByteWriter();
  private readonly template = new PublishTemplate();
  private readonly free: Buffer[] = [];
  private slab: Buffer = Buffer.allocUnsafeSlow(SLAB_SIZE);
  private offset = 0;
  private sealedTo = 0;
  private chunks: Buffer[] = [];
  private filled: Buffer[] = [];
  private sealedBytes = 0;

  /** @param appended called after every append: the owner's cue to plan a flush */
  constructor(private readonly appended: () => void) {}

  /** Bytes that wait to be taken. */
  get pendingBytes(): number {
    return this.sealedBytes + this.offset - this.sealedTo;
  }

  /** Bytes as they are: the protocol header. */
  raw(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.slab.set(bytes, at);
    this.commit(at + bytes.length);
  }

  heartbeat(): void {
    const at = this.reserve(FRAME_OVERHEAD);
    this.commit(this.frame(at, FrameType.heartbeat, 0, 0));
  }

  /** Any method without content. @throws EncodingError */
  method<N extends MethodName>(channel: number, name: N, args: MethodArguments<N>): void {
    this.scratch.reset();
    writeMethod(this.scratch, name, args);
    const payload = this.scratch.view();
    this.checkFits(payload.length, name);
    const at = this.reserve(payload.length + FRAME_OVERHEAD);
    this.slab.set(payload, at + 7);
    this.commit(this.frame(at, FrameType.method, channel, payload.length));
  }

  /** Any method with content. @throws EncodingError */
  content<N extends MethodName>(
    channel: number,
    name: N,
    args: MethodArguments<N>,
    properties: OutgoingProperties,
    body: Uint8Array,
  ): void {
    this.scratch.reset();
    writeMethod(this.scratch, name, args);
    const methodSize = this.scratch.length;
    this.checkFits(methodSize, name);
    writeProperties(this.scratch, properties);
    const payload = this.scratch.view();
    this.methodAndContent(channel, payload.subarray(0, methodSize), payload.subarray(methodSize), body);
  }

  /** Any method with content whose properties are encoded already: what a broker passes on. @throws EncodingError */
  forward<N extends MethodName>(
    channel: number,
    name: N,
    args: MethodArguments<N>,
    properties: Buffer,
    body: Uint8Array,
  ): void {
    this.scratch.reset();
    writeMethod(this.scratch, name, args);
    this.checkFits(this.scratch.length, name);
    this.methodAndContent(channel, this.scratch.view(), properties, body);
  }

  /** basic.publish with its content, hand-tuned. @throws EncodingError */
  publish(channel: number, message: OutgoingMessage, routingKey = message.routingKey): void {
    const { template } = this;
    const { body } = message;
    if (!(body instanceof Uint8Array)) throw new TypeError(`the body must be a Uint8Array, not ${describe(body)}`);
    const frames = template.encode(message, routingKey);
    const { headerAt } = template;
    this.checkFits(frames.length - headerAt - FRAME_OVERHEAD, CONTENT_HEADER);
    const at = this.reserve(frames.length);
    const slab = this.slab;
    slab.set(frames, at);
    const header = at + headerAt;
    slab[at + 1] = slab[header + 1] = channel >>> 8;
    slab[at + 2] = slab[header + 2] = channel & 0xff;
    writeUint64(slab, header + 11, body.length);
    this.offset = at + frames.length;
    this.commitBody(channel, body);
  }

  /** basic.ack, hand-tuned. */
  ack(channel: number, deliveryTag: number, multiple: boolean): void {
    this.settle(channel, ACK, deliveryTag, multiple ? 1 : 0);
  }

  /** basic.nack, hand-tuned. */
  nack(channel: number, deliveryTag: number, multiple: boolean, requeue: boolean): void {
    this.settle(channel, NACK, deliveryTag, (multiple ? 1 : 0) | (requeue ? 2 : 0));
  }

  /** All that has gathered, for one write; undefined when there is nothing. */
  take(): Batch | undefined {
    this.seal();
    if (this.chunks.length === 0) return undefined;
    const batch = { chunks: this.chunks, bytes: this.sealedBytes, slabs: [...this.filled, this.slab] };
    this.chunks = [];
    this.filled = [];
    this.sealedBytes = 0;
    this.newSlab(SLAB_SIZE);
    return batch;
  }

  /** Gives back the slabs of a batch whose bytes the socket has taken over. */
  recycle(batch: Batch): void {
    for (const slab of batch.slabs) {
      if (slab.length === SLAB_SIZE && this.free.length < FREE_SLABS) this.free.push(slab);
    }
  }

  private methodAndContent(channel: number, method: Buffer, properties: Buffer, body: Uint8Array): void {
    let at = this.reserve(method.length + properties.length + 12 + 2 * FRAME_OVERHEAD);
    this.slab.set(method, at + 7);
    at = this.frame(at, FrameType.method, channel, method.length);
    this.commitContent(at, channel, properties, body);
  }

  private settle(channel: number, method: number, deliveryTag: number, bits: number): void {
    const at = this.reserve(13 + FRAME_OVERHEAD);
    const slab = this.slab;
    writeUint32(slab, at + 7, method);
    writeUint64(slab, at + 11, deliveryTag);
    slab[at + 19] = bits;
    this.commit(this.frame(at, FrameType.method, channel, 13));
  }

  /** The content header and the body's frames. The method stands before `at`, not yet committed. */
  private commitContent(at: number, channel: number, properties: Buffer, body: Uint8Array): void {
    this.checkFits(12 + properties.length, CONTENT_HEADER);
    const slab = this.slab;
    writeUint32(slab, at + 7, BASIC_CLASS * 0x1_0000);
    writeUint64(slab, at + 11, body.length);
    slab.set(properties, at + 19);
    this.offset = this.frame(at, FrameType.header, channel, 12 + properties.length);
    this.commitBody(channel, body);
  }

  private commitBody(channel: number, body: Uint8Array): void {
    const limit = this.frameMax - FRAME_OVERHEAD;
    if (body.length > limit) {
      for (let start = 0; start < body.length; start += limit) {
        this.bodyFrame(channel, body.subarray(start, Math.min(start + limit, body.length)));
      }
    } else if (body.length > 0) this.bodyFrame(channel, body);
    this.appended();
  }

  private bodyFrame(channel: number, part: Uint8Array): void {
    if (part.length < DIRECT_BODY_SIZE) {
      const at = this.reserve(part.length + FRAME_OVERHEAD);
      this.slab.set(part, at + 7);
      this.offset = this.frame(at, FrameType.body, channel, part.length);
      return;
    }
    const at = this.reserve(FRAME_OVERHEAD);
    this.frameHeader(at, FrameType.body, channel, part.length);
    this.offset = at + 7;
    this.seal();
    this.chunks.push(Buffer.from(part.buffer, part.byteOffset, part.length));
    this.sealedBytes += part.length;
    this.slab[this.offset++] = FRAME_END;
  }

  /** Writes header and end around a payload that stands (or will stand) at `at` + 7; returns where the frame ends. */
  private frame(at: number, type: number, channel: number, size: number): number {
    this.frameHeader(at, type, channel, size);
    this.slab[at + 7 + size] = FRAME_END;
    return at + size + FRAME_OVERHEAD;
  }

  private frameHeader(at: number, type: number, channel: number, size: number): void {
    const slab = this.slab;
    slab[at] = type;
    slab[at + 1] = channel >>> 8;
    slab[at + 2] = channel & 0xff;
    writeUint32(slab, at + 3, size);
  }

  private checkFits(size: number, what: string): void {
    const limit = this.frameMax - FRAME_OVERHEAD;
    if (size > limit) {
      throw new EncodingError(`${what} takes ${size} bytes; one frame of this connection holds ${limit}`);
    }
  }

  private commit(end: number): void {
    this.offset = end;
    this.appended();
  }

  /** Makes room for `size` bytes in one piece; returns where they begin. */
  private reserve(size: number): number {
    if (this.slab.length - this.offset < size) {
      this.seal();
      this.filled.push(this.slab);
      this.newSlab(Math.max(size, SLAB_SIZE));
    }
    return this.offset;
  }

  private newSlab(size: number): void {
    this.slab = (size === SLAB_SIZE ? this.free.pop() : undefined) ?? Buffer.allocUnsafeSlow(size);
    this.offset = this.sealedTo = 0;
  }

  private seal(): void {
    if (this.offset === this.sealedTo) return;
    this.chunks.push(this.slab.subarray(this.sealedTo, this.offset));
    this.sealedBytes += this.offset - this.sealedTo;
    this.sealedTo = this.offset;
  }
}
