import { MessageReturnedError, type PublishOutcome } from '../../lib/client/index.js';
import type { Clock } from '../../lib/environment/index.js';
import type { ConnectionEvents } from '../connection/connection-events.js';
import type { PublishReceipt } from '../connection/publish-receipt.js';

/** A publish from its call to its receipt, or its error. Publishes both on the streams of the connection. */
export class PendingReceipt implements PublishOutcome {
  /** @param start clock time of the call, ms */
  constructor(
    private readonly clock: Clock,
    private readonly events: ConnectionEvents,
    private readonly messageId: string,
    private readonly exchange: string,
    private readonly routingKey: string,
    private readonly start: number,
  ) {}

  confirmed(deliveryTag: number): PublishReceipt {
    const { messageId, exchange, routingKey } = this;
    const timeToConfirm = this.clock.now() - this.start;
    const receipt = { messageId, deliveryTag, exchange, routingKey, timeToConfirm };
    const { confirms } = this.events;
    if (confirms.observed) confirms.next(receipt);
    return receipt;
  }

  failed(error: unknown): void {
    if (error instanceof MessageReturnedError) this.events.returns.next(error.returned);
  }
}
