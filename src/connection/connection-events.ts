import { Subject } from 'rxjs';
import type { ReturnedMessage } from '../../lib/client/index.js';
import type { PublishReceipt } from './publish-receipt.js';

/**
 * The broker has cancelled a consumer (https://www.rabbitmq.com/docs/consumer-cancel): its queue was deleted, or has moved.
 * It is being restored meanwhile; {@link AmqpConsumerRegistry.list} tells how far that is.
 *
 * @publicApi
 */
export interface ConsumerCancelledEvent {
  /** Name of the connection, `default` where it was given none. */
  readonly connection: string;
  /** `BillingConsumer.onOrder` */
  readonly handler: string;
  readonly queue: string;
  /** What it was called on the broker. */
  readonly consumerTag: string;
  /** In words. */
  readonly reason: string;
}

/** What happens on one named connection, whoever of its publishers and consumers it happens to. */
export class ConnectionEvents {
  readonly confirms = new Subject<PublishReceipt>();
  readonly returns = new Subject<ReturnedMessage>();
  readonly cancels = new Subject<ConsumerCancelledEvent>();

  /** Ends the streams: nothing happens any more. */
  complete(): void {
    this.confirms.complete();
    this.returns.complete();
    this.cancels.complete();
  }
}
