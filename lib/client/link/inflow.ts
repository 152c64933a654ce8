import type { Clock } from '../../environment/index.js';

/** The part of a connection that decides whether more is read. */
export interface InflowOwner {
  /** Bytes of deliveries that came and that no handler is done with. */
  heldBytes(): number;
  /** Somebody waits for the broker: for the answer to a call, a confirm, an event. */
  awaitsBroker(): boolean;
}

/** The socket, which can be paused. */
export interface Tap {
  pause(): unknown;
  resume(): unknown;
}

/** Interval in ms at which a paused socket is checked. */
const LOOK_EVERY = 100;
/** The held bytes are added up each time that 1/16 of the limit was read, not with each read. A sip reads as much. */
const LOOKS_PER_LIMIT = 16;

/**
 * Stops reading while too much is held: with neither acknowledgements nor a prefetch nothing else holds the broker back.
 *
 * A socket that is not read brings no answers either, and a handler may wait for one, for ever. So while somebody waits
 * for the broker it is read on in sips: slower than any flood, and yet what is waited for comes.
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

  /** So much was read. */
  came(bytes: number): void {
    this.arrived += bytes;
    if (this.arrived < this.lookAfter || this.paused) return;
    this.arrived = 0;
    if (this.owner.heldBytes() < this.limit) return;
    this.tap.pause();
    this.plan();
  }

  /** Reads on, whatever is held: the connection ends. */
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
