import type { ConsumeOptions, Consumer, DeliveryHandler } from './consumer.js';
import { Deferred } from '../timing/deferred.js';
import type { Delivery } from './delivery.js';

type Result = IteratorResult<Delivery, undefined>;

/**
 * A consumer as an async iterator: it begins with the first `next()`, hands out one delivery at a time, and leaving the
 * loop cancels it, for good. What was not handed out waits in the consumer, bounded by the prefetch: it is requeued by
 * `return()`, and forgotten (the broker has requeued it) when the channel is lost; without acknowledgement it is dropped by
 * the one, and handed out after the other.
 *
 * The loop's body is the consumer's one running handler: it ends when the loop asks for the next delivery.
 */
export class DeliveryIterator implements AsyncIterableIterator<Delivery, undefined> {
  private consumer: Promise<Consumer> | undefined;
  private waiting: Deferred<Result>[] = [];
  private endBody: (() => void) | undefined;
  private ended: { readonly error: unknown } | undefined;
  private readonly stop = new AbortController();

  /** @param start basic.consume; the signal ends the wait for it */
  constructor(private readonly start: (handler: DeliveryHandler, stop: AbortSignal) => Promise<Consumer>) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws ConsumerCancelledError, or what has closed the channel; afterwards the iteration is over */
  async next(): Promise<Result> {
    this.finishBody();
    if (this.ended) return this.takeEnd();
    const next = new Deferred<Result>();
    this.waiting.push(next);
    if (!this.consumer) {
      this.consumer = this.start((delivery) => this.onDelivery(delivery), this.stop.signal);
      this.consumer.then(
        ({ closed }) => void closed.then((error) => this.end(error)),
        (error: unknown) => this.end(error),
      );
    }
    return next.promise;
  }

  async return(): Promise<Result> {
    this.end(undefined);
    // One that has not begun yet, for want of a channel or an answer, does not begin any more.
    this.stop.abort();
    const consumer = await this.consumer?.catch(() => undefined);
    consumer?.abandon();
    const cancelled = consumer?.cancel();
    // Not before: a body that ends lets the next one begin.
    this.finishBody();
    await cancelled;
    return { done: true, value: undefined };
  }

  private onDelivery(delivery: Delivery): Promise<void> | undefined {
    const next = this.waiting.shift();
    if (!next) {
      if (!delivery.settled) delivery.nack({ requeue: true });
      return undefined;
    }
    next.resolve({ done: false, value: delivery });
    if (this.waiting.length > 0) return undefined;
    return new Promise((resolve) => {
      this.endBody = resolve;
    });
  }

  private finishBody(): void {
    this.endBody?.();
    this.endBody = undefined;
  }

  private end(error: unknown): void {
    if (this.ended) return;
    this.ended = { error };
    for (const next of this.waiting.splice(0)) next.resolve(this.takeEnd());
  }

  /** The reason is told once; after it the iteration is just over. */
  private takeEnd(): Promise<Result> {
    const { error } = this.ended!;
    this.ended = { error: undefined };
    return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error as Error);
  }
}

/** Deliveries that an iterator holds ready, where neither it nor the channel has a prefetch. */
const DEFAULT_PREFETCH = 100;

/** The options of the consumer behind an iterator: bounded, and one body at a time. */
export function iteratorOptions(options: ConsumeOptions, channelPrefetch: number): ConsumeOptions {
  const bounded = options.prefetch !== undefined || channelPrefetch > 0;
  return { ...options, ...(bounded ? {} : { prefetch: DEFAULT_PREFETCH }), concurrency: 1 };
}
