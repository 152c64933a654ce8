import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AmqpConsumer, AmqpConsumerRegistry, exponential, Payload } from 'nest-amqp';
import { Carrier } from './carrier.js';
import { Order } from './order.js';
import { OrderEvents } from './order-events.js';

const QUEUE = 'sample-01.shipping';

@Injectable()
export class ShippingConsumer implements OnModuleInit {
  constructor(
    private readonly carrier: Carrier,
    private readonly events: OrderEvents,
    private readonly registry: AmqpConsumerRegistry,
  ) {}

  /** Retries an order after a delay when the carrier does not answer, and parks it after three attempts. */
  @AmqpConsumer(QUEUE, { prefetch: 20, retry: { attempts: 3, backoff: exponential('500ms', '2s') } })
  onOrder(@Payload() order: Order): void {
    this.carrier.pickUp();
    this.events.add({ order, step: 'shipped' });
  }

  /** Shows each failed attempt on the page. */
  onModuleInit(): void {
    this.registry.failures$.subscribe(({ queue, messageId, attempt, decision, delay, reason }) => {
      if (queue !== QUEUE) return;
      const isRetried = decision === 'retry';
      const next = isRetried ? `tried again in ${delay} ms` : `moved to ${QUEUE}.parked`;
      const detail = `Attempt ${attempt}: ${reason}; ${next}`;
      this.events.tell(messageId, { step: isRetried ? 'retried' : 'parked', detail, attempt });
    });
  }
}
