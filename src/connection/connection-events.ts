import { Subject } from 'rxjs';
import type { ReturnedMessage } from '../../lib/client/index.js';
import type { PublishReceipt } from './publish-receipt.js';

/**
 * The broker cancelled a consumer (https://www.rabbitmq.com/docs/consumer-cancel), because its queue was deleted or
 * moved. The consumer is being restored; {@link AmqpConsumerRegistry.list} shows its state.
 *
 * @publicApi
 */
export interface ConsumerCancelledEvent {
  /** Name of the connection; `default` for the connection without a name. */
  readonly connection: string;
  /** The handler, such as `BillingConsumer.onOrder`. */
  readonly handler: string;
  /** Name of the queue. */
  readonly queue: string;
  /** The consumer tag. */
  readonly consumerTag: string;
  /** The reason as text. */
  readonly reason: string;
}

/** Events of one named connection, of all its publishers and consumers. */
export class ConnectionEvents {
  readonly confirms = new Subject<PublishReceipt>();
  readonly returns = new Subject<ReturnedMessage>();
  readonly cancels = new Subject<ConsumerCancelledEvent>();

  /** Completes the streams. */
  complete(): void {
    this.confirms.complete();
    this.returns.complete();
    this.cancels.complete();
  }
}
