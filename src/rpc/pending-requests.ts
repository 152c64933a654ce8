import { DeadlineTimer, onAbort, type Clock } from '../../lib/environment/index.js';

/** A reply, or the error that ends the request. Nest's `WritePacket` has this form. */
export interface ReplyPacket {
  readonly err?: unknown;
  readonly response?: unknown;
  /** True for the last reply. */
  readonly isDisposed?: boolean;
}

type Callback = (packet: ReplyPacket) => void;

/** The terms of a request. */
export interface RequestTerms {
  /** Time until the request fails, in ms, restarted by each reply; 0 or Infinity for no deadline. */
  readonly timeout: number;
  /** Creates the error of a request that reached its deadline. */
  readonly late: () => Error;
  /** Ends the request with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

interface Pending {
  readonly terms: RequestTerms;
  /** Clock time, ms. */
  deadline: number;
  /** True when the broker has the request: only its reply is outstanding. */
  sent: boolean;
  /** Stops listening to the signal. */
  readonly unlisten: (() => void) | undefined;
}

/**
 * Requests that wait for replies, by correlation id. A request ends once: by its last reply, an error, its deadline,
 * its signal, or when its subscriber leaves.
 */
export class PendingRequests {
  private readonly pending = new Map<string, Pending>();
  private readonly timer: DeadlineTimer;

  /** @param callbacks receivers of replies, by correlation id; Nest's clients use this map as their `routingMap` */
  constructor(
    private readonly clock: Clock,
    private readonly callbacks = new Map<string, Callback>(),
  ) {
    this.timer = new DeadlineTimer(clock, (now) => this.sweep(now));
  }

  add(id: string, terms: RequestTerms, callback: Callback): void {
    const { signal } = terms;
    const abort = (): void => this.settle(id, { err: signal?.reason, isDisposed: true });
    const unlisten = signal && onAbort(signal, abort);
    const pending = { terms, deadline: Infinity, sent: false, unlisten };
    this.pending.set(id, pending);
    this.callbacks.set(id, (packet) => {
      if (packet.isDisposed || packet.err) this.forget(id);
      else this.begin(pending);
      callback(packet);
    });
    this.begin(pending);
  }

  has(id: string): boolean {
    return this.callbacks.has(id);
  }

  /** Records that the broker has the request. */
  markSent(id: string): void {
    const pending = this.pending.get(id);
    if (pending) pending.sent = true;
  }

  /** Delivers a reply or an error to the request. Has no effect if the request has ended. */
  settle(id: string, packet: ReplyPacket): void {
    this.callbacks.get(id)?.(packet);
  }

  /** Removes a request whose subscriber has left. */
  forget(id: string): void {
    this.callbacks.delete(id);
    this.pending.get(id)?.unlisten?.();
    if (this.pending.delete(id) && this.pending.size === 0) this.timer.stop();
  }

  failAll(err: Error): void {
    for (const id of [...this.callbacks.keys()]) this.settle(id, { err, isDisposed: true });
  }

  /** Returns the ids of all pending requests. */
  ids(): string[] {
    return [...this.pending.keys()];
  }

  /** Fails those of `ids` that the broker has. Requests that are not sent yet keep waiting. */
  failSent(ids: readonly string[], err: Error): void {
    for (const id of ids) if (this.pending.get(id)?.sent) this.settle(id, { err, isDisposed: true });
  }

  private begin(pending: Pending): void {
    if (pending.terms.timeout === 0) return;
    pending.deadline = this.clock.now() + pending.terms.timeout;
    this.timer.by(pending.deadline);
  }

  /** Fails the requests that have reached their deadline, and returns the earliest remaining deadline. */
  private sweep(now: number): number {
    let earliest = Infinity;
    for (const [id, { deadline, terms }] of [...this.pending]) {
      if (deadline <= now) this.settle(id, { err: terms.late() });
      else earliest = Math.min(earliest, deadline);
    }
    return earliest;
  }
}
