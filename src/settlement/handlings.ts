import { within, type Clock } from '../../lib/environment/index.js';
import { HandlerTimeoutError } from './settlement.errors.js';
import type { Handling } from './handling.js';

/** Ms that a handler runs until it is told of. */
const SLOW_AFTER = 60_000;

/** Handlers that have been running for long. */
export interface SlowHandlers {
  /** The number of handlers that run. */
  readonly count: number;
  /** For how long the first of them has been running, ms. */
  readonly longest: number;
}

/** The handlers of one consumer that run, each with what it handles: a message, or a batch. */
export class Handlings<T extends { readonly handling: Handling }> {
  /** In the order in which they began, each with when that was. */
  private readonly running = new Map<T, number>();
  /** Those that were told of as slow. */
  private readonly told = new WeakSet<T>();
  /** Of the timer that looks for slow ones, while there is one. */
  private cancelLook: (() => void) | undefined;

  /**
   * @param timeout ms that a handler may run; undefined for no limit
   * @param onSlow is told once of each that runs for a minute
   */
  constructor(
    private readonly clock: Clock,
    private readonly timeout: number | undefined,
    private readonly onSlow: (work: T, ms: number) => void,
  ) {}

  /** A handler begins. */
  begin(work: T): void {
    this.running.set(work, this.clock.now());
    this.cancelLook ??= this.look(SLOW_AFTER);
  }

  /**
   * Waits for the handler within its deadline; the handler goes on when that has passed, though its outcome does not
   * count any more.
   *
   * @throws HandlerTimeoutError, or what the handler throws
   */
  inTime<R>(work: T, handler: Promise<R>): Promise<R> {
    const { timeout, clock } = this;
    if (timeout === undefined) return handler;
    return within(handler, { clock, timeout }, () => {
      const error = new HandlerTimeoutError(timeout);
      work.handling.end(error);
      throw error;
    });
  }

  /** A handler has returned, or its time is over. */
  end(work: T): void {
    this.running.delete(work);
  }

  /** Ends all that run; what their handlers come to does not count. @returns the ones that have counted until now */
  abandon(reason: Error): readonly T[] {
    const ended = [...this.running.keys()].filter(({ handling }) => handling.over === undefined);
    for (const { handling } of ended) handling.end(reason);
    this.running.clear();
    return ended;
  }

  /** Undefined when there are none. */
  get slow(): SlowHandlers | undefined {
    const now = this.clock.now();
    const ages = [...this.running.values()].map((began) => now - began).filter((ms) => ms >= SLOW_AFTER);
    return ages.length === 0 ? undefined : { count: ages.length, longest: Math.round(ages[0]!) };
  }

  /** Nothing runs any more. */
  close(): void {
    this.cancelLook?.();
    this.cancelLook = undefined;
  }

  private look(delay: number): () => void {
    return this.clock.after(delay, () => this.tellSlow(), { keepAlive: false });
  }

  /** Tells of those that became slow since the last look; looks again when the next one may be. */
  private tellSlow(): void {
    this.cancelLook = undefined;
    const now = this.clock.now();
    for (const [work, began] of this.running) {
      if (now - began < SLOW_AFTER) {
        this.cancelLook = this.look(SLOW_AFTER - (now - began));
        return;
      }
      if (this.told.has(work)) continue;
      this.told.add(work);
      this.onSlow(work, Math.round(now - began));
    }
  }
}
