import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { resetSocket } from './reset-socket.js';

/** The way that bytes go through the proxy. */
export type Direction = 'toServer' | 'toClient';

/** What the proxy wants to happen on a lane, asked anew for every write. */
export interface LanePolicy {
  isStalled(): boolean;
  /** Largest number of bytes a write. */
  chunk(): number;
  /** Takes up to `wanted` bytes from what may still pass before the cut. */
  takeFuse(wanted: number): number;
  isBurnt(): boolean;
  onBurnt(): void;
}

/** One direction of one connection: takes bytes from a socket and gives them to another, as the policy says. */
export class Lane {
  readonly #sleeping = new Set<() => void>();
  #discards = false;

  constructor(
    private readonly source: Socket,
    private readonly sink: Socket,
    private readonly policy: LanePolicy,
  ) {
    source.on('error', () => undefined); // 'close' follows, and tells all there is to know
    source.once('close', (hadError) => void this.#onSourceClosed(hadError));
    void this.#run();
  }

  /** Has the lane look at its policy again. */
  wake(): void {
    for (const wake of this.#sleeping) wake();
    this.#sleeping.clear();
  }

  /** From now on what comes in is thrown away. */
  discard(): void {
    this.#discards = true;
    this.wake();
  }

  async #run(): Promise<void> {
    try {
      // Reads only as fast as it forwards: while stalled, the sender feels it.
      for await (const bytes of this.source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        await this.#forward(bytes);
      }
      await this.#stall();
      if (this.#discards) this.source.destroy();
      else this.sink.end();
    } catch {
      // The source failed: #onSourceClosed passes that on.
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
        // libuv takes bytes and a reset that arrive together for an orderly end. Two turns: one poll lies between.
        await nextTurn();
        await nextTurn();
        return this.policy.onBurnt();
      }
      if (rest.length > 0) await nextTurn(); // lets the receiver read this part before the next comes
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
    // A reset is passed on as one, and so is a server that refuses. An orderly end went through #run.
    if (hadError) resetSocket(this.sink);
  }
}
