import { Buffer } from 'node:buffer';
import { ByteReader } from './bytes.js';
import { ContentAssembler } from './content.js';
import { WireError } from './errors.js';
import { FrameReader, type FrameHandler } from './frame-reader.js';
import { readMethod } from './methods.js';
import { readProperties } from './properties.js';
import { methods as spec } from './spec.js';
import type { Method, MessageProperties } from './types.js';

/** One method as it arrived, with its content where it has one. */
export interface Arrival {
  readonly channel: number;
  readonly method: Method | undefined;
  readonly properties?: MessageProperties;
  readonly body?: Buffer | 'skipped';
}

/** The other end of the wire: FrameReader and one ContentAssembler per channel, as a peer puts them together. */
export class Receiver implements FrameHandler {
  /** In the order in which they were complete; a heartbeat is a method that is undefined. */
  readonly arrivals: Arrival[] = [];
  readonly reader: FrameReader;
  private readonly channels = new Map<number, { assembler: ContentAssembler; method: Method | undefined }>();

  constructor(
    frameMax: number,
    private readonly maxBodySize = Infinity,
  ) {
    this.reader = new FrameReader(this);
    this.reader.frameMax = frameMax;
  }

  /** Pushes a copy of each chunk and overwrites it at once: whoever kept a view of it reads rubbish. */
  push(...chunks: Buffer[]): this {
    for (const chunk of chunks) {
      const lent = Buffer.from(chunk);
      this.reader.push(lent);
      lent.fill(0xee);
    }
    return this;
  }

  onMethod(channel: number, buffer: Buffer, start: number, end: number): void {
    const state = this.channel(channel);
    if (!state.assembler.idle) throw new WireError('UNEXPECTED_FRAME', 'a method where content was due');
    const method = readMethod(new ByteReader(buffer, start, end));
    if ('content' in spec[method.name]) {
      state.method = method;
      state.assembler.begin();
    } else this.arrivals.push({ channel, method });
  }

  onHeader(channel: number, buffer: Buffer, start: number, end: number, limit: number): void {
    this.channel(channel).assembler.onHeader(buffer, start, end, limit);
  }

  onBody(channel: number, buffer: Buffer, start: number, end: number): void {
    this.channel(channel).assembler.onBody(buffer, start, end);
  }

  onHeartbeat(): void {
    this.arrivals.push({ channel: 0, method: undefined });
  }

  private channel(id: number): { assembler: ContentAssembler; method: Method | undefined } {
    let state = this.channels.get(id);
    if (!state) {
      const assembler = new ContentAssembler((content) => {
        this.arrivals.push(
          content
            ? {
                channel: id,
                method: this.channels.get(id)!.method,
                properties: readProperties(content.propertiesReader()),
                body: content.body,
              }
            : { channel: id, method: this.channels.get(id)!.method, body: 'skipped' },
        );
      }, this.maxBodySize);
      state = { assembler, method: undefined };
      this.channels.set(id, state);
    }
    return state;
  }
}

/** A frame by hand, right or wrong. */
export function frame(type: number, channel: number, payload: Uint8Array, end = 0xce): Buffer {
  const head = Buffer.alloc(7);
  head[0] = type;
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.of(end)]);
}

/** Cuts short at every byte: the sizes at which `read` did anything but throw a WireError. `expect` would be too slow. */
export function sizesNotRefused(whole: Buffer, read: (part: Buffer) => unknown): number[] {
  const sizes: number[] = [];
  for (let size = 0; size < whole.length; size++) {
    try {
      read(whole.subarray(0, size));
      sizes.push(size);
    } catch (error) {
      if (!(error instanceof WireError)) sizes.push(size);
    }
  }
  return sizes;
}
