import type { ConsumeOptions, Consumer, DeliveryHandler } from './consumer.js';
import { Deferred } from '../timing/deferred.js';
import type { Delivery } from './delivery.js';

type Result = IteratorResult<Delivery, undefined>;

/**
 * A consumer as an async iterator. It starts with the first `next()`, yields one delivery at a time, and ends for good
 * when the loop is left. Other deliveries wait in the consumer, within the prefetch. `return()` requeues them, and a
 * loss of the channel drops them, since the broker has requeued them. Without acknowledgements, `return()` drops them,
 * and after a loss they are still yielded.
 *
 * The body of the loop is the one running handler of the consumer. It ends when the loop asks for the next delivery.
 */
export class DeliveryIterator implements AsyncIterableIterator<Delivery, undefined> {
  private consumer: Promise<Consumer> | undefined;
  private waiting: Deferred<Result>[] = [];
  private endBody: (() => void) | undefined;
  private ended: { readonly error: unknown } | undefined;
  private readonly stop = new AbortController();

  /** @param start sends basic.consume; the signal ends the wait for the answer */
  constructor(private readonly start: (handler: DeliveryHandler, stop: AbortSignal) => Promise<Consumer>) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws ConsumerCancelledError, or the error that has closed the channel; the iteration is over then */
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
    // A consumer that still waits for its channel or for the broker's answer does not start any more.
    this.stop.abort();
    const consumer = await this.consumer?.catch(() => undefined);
    consumer?.abandon();
    const cancelled = consumer?.cancel();
    // Not earlier, since the end of one body lets the next one start.
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

  /** The reason is thrown once; later calls report only the end. */
  private takeEnd(): Promise<Result> {
    const { error } = this.ended!;
    this.ended = { error: undefined };
    return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error as Error);
  }
}

/** Number of deliveries that an iterator holds ready if neither it nor the channel has a prefetch. */
const DEFAULT_PREFETCH = 100;

/** Returns the options of the consumer of an iterator: a bounded prefetch, and one body at a time. */
export function iteratorOptions(options: ConsumeOptions, channelPrefetch: number): ConsumeOptions {
  const bounded = options.prefetch !== undefined || channelPrefetch > 0;
  return { ...options, ...(bounded ? {} : { prefetch: DEFAULT_PREFETCH }), concurrency: 1 };
}
