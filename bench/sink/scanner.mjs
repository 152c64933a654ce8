import { Buffer } from 'node:buffer';

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const FRAME_OVERHEAD = 8;
const NOTHING = Buffer.alloc(0);

/**
 * Finds the frames in a socket's bytes. It skips bodies unread and keeps only the tail of a chunk, so that the sink costs a
 * fraction of the clients' work.
 */
export class FrameScanner {
  #handler;
  #tail = NOTHING;
  #skip = 0;

  /** @param handler `onMethod(channel, buffer, start, end)`, and `onContent(channel)` once a body is complete */
  constructor(handler) {
    this.#handler = handler;
  }

  /** @type {Map<number, number>} channel to the bytes of body that are still missing */
  #missing = new Map();

  push(chunk) {
    let buffer = chunk;
    let at = this.#skip;
    this.#skip = 0;
    if (this.#tail.length > 0) {
      buffer = Buffer.concat([this.#tail, chunk]);
      this.#tail = NOTHING;
    }
    while (buffer.length - at >= 7) {
      const type = buffer[at];
      const channel = (buffer[at + 1] << 8) | buffer[at + 2];
      const size = (buffer[at + 3] << 24) | (buffer[at + 4] << 16) | (buffer[at + 5] << 8) | buffer[at + 6];
      const end = at + size + FRAME_OVERHEAD;
      if (type === BODY) {
        this.#body(channel, size);
      } else {
        if (end > buffer.length) break;
        if (type === METHOD) this.#handler.onMethod(channel, buffer, at + 7, end - 1);
        else if (type === HEADER) this.#header(channel, buffer.readUInt32BE(at + 15));
      }
      at = end;
    }
    if (at > buffer.length) this.#skip = at - buffer.length;
    else if (at < buffer.length) this.#tail = buffer.subarray(at);
  }

  #header(channel, size) {
    if (size === 0) this.#handler.onContent(channel);
    else this.#missing.set(channel, size);
  }

  #body(channel, size) {
    const missing = this.#missing.get(channel) - size;
    this.#missing.set(channel, missing);
    if (missing === 0) this.#handler.onContent(channel);
  }
}
