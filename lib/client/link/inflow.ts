import type { Clock } from '../../environment/index.js';

/** The part of a connection that decides whether more is read. */
export interface InflowOwner {
  /** Bytes of deliveries whose handlers have not finished. */
  heldBytes(): number;
  /** True while the answer to a call, a confirm or an event is awaited. */
  awaitsBroker(): boolean;
}

/** A socket that can be paused. */
export interface Tap {
  pause(): unknown;
  resume(): unknown;
}

/** Interval in ms at which a paused socket is checked. */
const LOOK_EVERY = 100;
/** The held bytes are counted after each 1/16 of the limit, not after each read. A sip reads as much. */
const LOOKS_PER_LIMIT = 16;

/**
 * Stops reading while too many bytes are held: without acknowledgements and prefetch nothing else slows the broker down.
 * An unread socket also holds back answers, for which a handler may wait for ever. So while an answer is awaited, the
 * socket is read in sips: slower than any flood, but the answer arrives.
 *
 *     reading ──(held ≥ limit)──▶ paused ──(held ≤ limit / 2, or a sip)──▶ reading
 */
export class Inflow {
  private arrived = 0;
  private cancel: (() => void) | undefined;
  private readonly lookAfter: number;

  /** @param limit in bytes; Infinity for none */
  constructor(
    private readonly tap: Tap,
    private readonly clock: Clock,
    private readonly limit: number,
    private readonly owner: InflowOwner,
  ) {
    this.lookAfter = limit / LOOKS_PER_LIMIT;
  }

  get paused(): boolean {
    return this.cancel !== undefined;
  }

  /** Counts bytes that were read. */
  came(bytes: number): void {
    this.arrived += bytes;
    if (this.arrived < this.lookAfter || this.paused) return;
    this.arrived = 0;
    if (this.owner.heldBytes() < this.limit) return;
    this.tap.pause();
    this.plan();
  }

  /** Reads without a limit, since the connection ends. */
  stop(): void {
    if (!this.paused) return;
    this.cancel!();
    this.read();
  }

  private plan(): void {
    this.cancel = this.clock.after(LOOK_EVERY, () => {
      if (this.owner.awaitsBroker() || this.owner.heldBytes() <= this.limit / 2) this.read();
      else this.plan();
    });
  }

  private read(): void {
    this.cancel = undefined;
    this.arrived = 0;
    this.tap.resume();
  }
}
