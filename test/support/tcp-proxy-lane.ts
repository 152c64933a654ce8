import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { resetSocket } from './reset-socket.js';

/** The direction of bytes through the proxy. */
export type Direction = 'toServer' | 'toClient';

/** The proxy's decisions for a lane, asked before every write. */
export interface LanePolicy {
  isStalled(): boolean;
  /** Returns the largest number of bytes per write. */
  chunk(): number;
  /** Takes up to `wanted` bytes from the number that may still pass before the cut, and returns how many it took. */
  takeFuse(wanted: number): number;
  isBurnt(): boolean;
  onBurnt(): void;
}

/** One direction of one connection: reads bytes from a socket and writes them to another, as the policy says. */
export class Lane {
  readonly #sleeping = new Set<() => void>();
  #discards = false;

  constructor(
    private readonly source: Socket,
    private readonly sink: Socket,
    private readonly policy: LanePolicy,
  ) {
    source.on('error', () => undefined); // 'close' follows and carries the error flag
    source.once('close', (hadError) => void this.#onSourceClosed(hadError));
    void this.#run();
  }

  /** Makes the lane ask its policy again. */
  wake(): void {
    for (const wake of this.#sleeping) wake();
    this.#sleeping.clear();
  }

  /** Drops all bytes that arrive from now on. */
  discard(): void {
    this.#discards = true;
    this.wake();
  }

  async #run(): Promise<void> {
    try {
      // The lane reads only as fast as it forwards, so a stall fills the sender's buffers.
      for await (const bytes of this.source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        await this.#forward(bytes);
      }
      await this.#stall();
      if (this.#discards) this.source.destroy();
      else this.sink.end();
    } catch {
      // The source failed. #onSourceClosed passes the failure on.
    }
  }

  async #forward(bytes: Buffer): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      await this.#stall();
      if (this.#discards || this.sink.destroyed) return;
      const size = this.policy.takeFuse(Math.min(rest.length, this.policy.chunk()));
      if (size > 0) await this.#write(rest.subarray(0, size));
      rest = rest.subarray(size);
      if (this.policy.isBurnt()) {
        // libuv reports bytes and a reset that arrive together as an orderly end. Two turns put one poll between them.
        await nextTurn();
        await nextTurn();
        return this.policy.onBurnt();
      }
      if (rest.length > 0) await nextTurn(); // gives the receiver a turn to read this part
    }
  }

  async #stall(): Promise<void> {
    while (this.policy.isStalled() && !this.#discards && !this.sink.destroyed) {
      await new Promise<void>((resolve) => this.#sleeping.add(resolve));
    }
  }

  #write(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.sink.write(bytes, () => resolve()));
  }

  async #onSourceClosed(hadError: boolean): Promise<void> {
    await this.#stall();
    if (this.#discards || this.sink.destroyed) return;
    // A reset, or a server that refuses, is passed on as a reset. An orderly end has gone through #run.
    if (hadError) resetSocket(this.sink);
  }
}
