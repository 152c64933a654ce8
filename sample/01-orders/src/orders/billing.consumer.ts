import { Injectable, Logger } from '@nestjs/common';
import { AmqpConsumer, Payload } from 'nest-amqp';
import { Order } from './order.js';
import { OrderEvents } from './order-events.js';

@Injectable()
export class BillingConsumer {
  private readonly logger = new Logger(BillingConsumer.name);

  constructor(private readonly events: OrderEvents) {}

  /** Returning acknowledges the message. The ValidationPipe refuses an invalid order, and its message is parked. */
  @AmqpConsumer('sample-01.billing', { prefetch: 20 })
  onOrder(@Payload() order: Order): void {
    if (this.events.add({ order, step: 'billed' })) this.logger.log(`Billed order ${order.id}`);
  }
}
