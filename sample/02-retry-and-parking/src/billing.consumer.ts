import { Injectable, Logger } from '@nestjs/common';
import { AmqpConsumer, AmqpContext, Ctx, exponential, Payload, RejectMessage } from 'nest-amqp';
import { Subject } from 'rxjs';
import { Bank } from './bank.js';

export interface Order {
  readonly id: number;
  readonly amount: number;
}

@Injectable()
export class BillingConsumer {
  readonly billed = new Subject<Order>();
  private readonly logger = new Logger('Billing');

  constructor(private readonly bank: Bank) {}

  @AmqpConsumer('sample-02.billing', { retry: { attempts: 3, backoff: exponential('200ms', '1s') } })
  onOrder(@Payload() order: Order, @Ctx() { attempt }: AmqpContext): void {
    if (order.amount <= 0) throw new RejectMessage(`order ${order.id} costs nothing`);
    // The first order was paid in advance.
    if (order.id > 1) this.bank.charge(order.amount);
    this.logger.log(`Billed order ${order.id} at attempt ${attempt}`);
    this.billed.next(order);
  }
}
