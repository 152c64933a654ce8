import type { WritePacket } from '@nestjs/microservices';
import { systemClock } from '../../lib/client/timing/clock.js';
import { DeadlineTimer } from '../../lib/client/timing/deadline-timer.js';
import { RequestTimeoutError } from '../microservices/microservices.errors.js';

type Callback = (packet: WritePacket) => void;

/** When a request fails that has no reply by then. */
interface Deadline {
  /** Clock time in ms. */
  at: number;
  readonly timeout: number;
  readonly pattern: string;
}

/**
 * Requests that wait for replies, by correlation id. Each has a deadline that every reply begins anew, and ends once: by
 * its last reply, an error, its deadline, or because nobody waits any more.
 */
export class PendingRequests {
  private readonly deadlines = new Map<string, Deadline>();
  private readonly timer = new DeadlineTimer(systemClock, (now) => this.sweep(now));

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
    if (this.deadlines.delete(id) && this.deadlines.size === 0) this.timer.stop();
  }

  failAll(err: Error): void {
    for (const id of [...this.callbacks.keys()]) this.settle(id, { err, isDisposed: true });
  }

  private begin(deadline: Deadline): void {
    deadline.at = systemClock.now() + deadline.timeout;
    this.timer.by(deadline.at);
  }

  /** Fails what is late; returns the earliest deadline that is left. */
  private sweep(now: number): number {
    let earliest = Infinity;
    for (const [id, { at, pattern, timeout }] of [...this.deadlines]) {
      if (at <= now) this.settle(id, { err: new RequestTimeoutError(pattern, timeout) });
      else earliest = Math.min(earliest, at);
    }
    return earliest;
  }
}
