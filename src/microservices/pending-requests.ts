import type { WritePacket } from '@nestjs/microservices';
import { RequestTimeoutError } from './microservices.errors.js';

type Callback = (packet: WritePacket) => void;

/**
 * Requests that wait for replies, by correlation id. Each has a deadline that every reply begins anew, and ends once: by
 * its last reply, an error, its deadline, or because nobody waits any more.
 */
export class PendingRequests {
  private readonly timers = new Map<string, NodeJS.Timeout>();

  /** @param callbacks the `routingMap` that all of Nest's clients have */
  constructor(private readonly callbacks: Map<string, Callback>) {}

  /** @param timeout ms; 0 or Infinity for none */
  add(id: string, pattern: string, timeout: number, callback: Callback): void {
    const wait = (): void => {
      if (timeout === 0 || timeout === Infinity) return;
      const fail = (): void => this.settle(id, { err: new RequestTimeoutError(pattern, timeout) });
      this.timers.set(id, setTimeout(fail, timeout));
    };
    this.callbacks.set(id, (packet) => {
      clearTimeout(this.timers.get(id));
      if (packet.isDisposed || packet.err) this.forget(id);
      else wait();
      callback(packet);
    });
    wait();
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
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
    this.callbacks.delete(id);
  }

  failAll(err: Error): void {
    for (const id of [...this.callbacks.keys()]) this.settle(id, { err, isDisposed: true });
  }
}
