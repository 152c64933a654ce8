import { showAs } from '../../../lib/shown/index.js';
import type { ConsumerStatus } from './consumer-status.js';
import type { SupervisedConsumer } from './supervised-consumer.js';

/**
 * A consumer that {@link AmqpConsumerRegistry.add} has added.
 *
 * @example
 * ```ts
 * const consumer = await registry.add('orders.acme', (order: Order) => bill(order), { name: 'orders of acme' });
 * console.log(consumer.status.handled);
 * await consumer.stop();
 * ```
 *
 * @publicApi
 */
export class AmqpConsumerHandle {
  /** @internal */
  constructor(
    private readonly consumer: SupervisedConsumer,
    private readonly connection: string,
    private readonly remove: () => Promise<void>,
  ) {}

  /** The present state. */
  get status(): ConsumerStatus {
    return { ...this.consumer.status, connection: this.connection };
  }

  /** Pauses this consumer, as {@link AmqpConsumerRegistry.pause} does. */
  pause(): Promise<void> {
    return this.consumer.pause();
  }

  /**
   * Resumes this consumer, as {@link AmqpConsumerRegistry.resume} does.
   *
   * @throws ConsumerStartError if the queue cannot be consumed; the consumer stays paused
   */
  resume(): Promise<void> {
    return this.consumer.resume();
  }

  /**
   * Stops the consumer for good and removes it from the registry. Resolves when running handlers have ended and their
   * messages are settled, or after the connection's `gracePeriod`, when the rest returns to the queue. May be called more
   * than once.
   */
  stop(): Promise<void> {
    return this.remove();
  }
}

showAs(AmqpConsumerHandle, ({ status }) => ({ status }));
