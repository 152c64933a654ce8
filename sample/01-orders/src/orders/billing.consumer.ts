import { Injectable, Logger } from '@nestjs/common';
import { AmqpConsumer, Payload } from 'nest-amqp';
import { Order } from './order.js';
import { OrderEvents } from './order-events.js';

@Injectable()
export class BillingConsumer {
  private readonly logger = new Logger(BillingConsumer.name);

  constructor(private readonly events: OrderEvents) {}

  /** Returning acknowledges the message; throwing would reject it, and so does the ValidationPipe what is no order. */
  @AmqpConsumer('sample-01.billing', { prefetch: 20 })
  onOrder(@Payload() order: Order): void {
    this.logger.log(`Billed order ${order.id}`);
    this.events.add({ order, step: 'consumed', detail: 'billed' });
  }
}
