import type { WritePacket } from '@nestjs/microservices';
import { RequestTimeoutError } from './microservices.errors.js';

/** Timers that are longer go off at once. In ms. */
const MAX_DELAY = 0x7fff_ffff;

type Callback = (packet: WritePacket) => void;

/** When a request fails that has no reply by then. */
interface Deadline {
  /** Time in ms, as `performance.now()` has it. */
  at: number;
  readonly timeout: number;
  readonly pattern: string;
}

/**
 * Requests that wait for replies, by correlation id. Each has a deadline that every reply begins anew, and ends once: by
 * its last reply, an error, its deadline, or because nobody waits any more.
 *
 * One timer serves all deadlines: it goes off at the earliest, and most requests have their reply long before.
 */
export class PendingRequests {
  private readonly deadlines = new Map<string, Deadline>();
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Infinity;

  /** @param callbacks the `routingMap` that all of Nest's clients have */
  constructor(private readonly callbacks: Map<string, Callback>) {}

  /** @param timeout ms; 0 or Infinity for none */
  add(id: string, pattern: string, timeout: number, callback: Callback): void {
    const deadline = timeout === 0 || timeout === Infinity ? undefined : { at: 0, timeout, pattern };
    this.callbacks.set(id, (packet) => {
      if (packet.isDisposed || packet.err) this.forget(id);
      else if (deadline) this.begin(deadline);
      callback(packet);
    });
    if (!deadline) return;
    this.deadlines.set(id, deadline);
    this.begin(deadline);
  }

  has(id: string): boolean {
    return this.callbacks.has(id);
  }

  /** A reply, or the error that is its end. Without effect when nobody waits. */
  settle(id: string, packet: WritePacket): void {
    this.callbacks.get(id)?.(packet);
  }

  /** Nobody waits for it any more. */
  forget(id: string): void {
    this.callbacks.delete(id);
    if (this.deadlines.delete(id) && this.deadlines.size === 0) this.wakeAt(Infinity);
  }

  failAll(err: Error): void {
    for (const id of [...this.callbacks.keys()]) this.settle(id, { err, isDisposed: true });
  }

  private begin(deadline: Deadline): void {
    deadline.at = performance.now() + deadline.timeout;
    if (deadline.at < this.timerAt) this.wakeAt(deadline.at);
  }

  private wakeAt(time: number): void {
    clearTimeout(this.timer);
    this.timerAt = time;
    if (time === Infinity) return;
    const delay = Math.min(Math.max(0, time - performance.now()), MAX_DELAY);
    this.timer = setTimeout(() => this.sweep(), delay);
  }

  private sweep(): void {
    const now = performance.now();
    // Who hears that its request has failed may send another, whose deadline then has the timer.
    this.timerAt = Infinity;
    let earliest = Infinity;
    for (const [id, { at, pattern, timeout }] of [...this.deadlines]) {
      if (at <= now) this.settle(id, { err: new RequestTimeoutError(pattern, timeout) });
      else earliest = Math.min(earliest, at);
    }
    if (earliest < this.timerAt) this.wakeAt(earliest);
  }
}
