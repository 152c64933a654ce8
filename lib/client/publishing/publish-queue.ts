import { Fifo } from '../fifo.js';
import type { Publish } from './publish.js';

/** Waiting publishes in their order, with the bytes of their bodies. */
export class PublishQueue implements Iterable<Publish> {
  private readonly queue = new Fifo<Publish>();
  private size = 0;

  get count(): number {
    return this.queue.size;
  }

  get bytes(): number {
    return this.size;
  }

  get first(): Publish | undefined {
    return this.queue.first;
  }

  push(publish: Publish): void {
    this.queue.push(publish);
    this.size += publish.body.length;
  }

  /** Removes and returns the first publish. */
  shift(): void {
    this.size -= this.queue.shift()?.body.length ?? 0;
  }

  [Symbol.iterator](): Iterator<Publish> {
    return this.queue[Symbol.iterator]();
  }

  /** Removes and returns all publishes. */
  drain(): Publish[] {
    this.size = 0;
    return this.queue.drain();
  }

  /** Puts these before all others. */
  putBefore(publishes: readonly Publish[]): void {
    for (const publish of [...publishes, ...this.drain()]) this.push(publish);
  }

  /** Removes the publishes that have their outcome, so that they take no room. */
  dropSettled(): void {
    for (const publish of this.drain()) if (!publish.settled) this.push(publish);
  }
}
