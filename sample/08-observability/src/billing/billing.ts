import { Injectable } from '@nestjs/common';
import { AmqpConsumer, AmqpContext, ConfirmingPublisher, Ctx, fixed, Payload } from 'nest-amqp';
import type { Order } from '../shop/shop.js';

@Injectable()
export class Billing {
  constructor(private readonly publisher: ConfirmingPublisher) {}

  /** The bank answers at the second attempt. */
  @AmqpConsumer('sample-08.billing', { retry: { attempts: 3, backoff: fixed('200ms') } })
  async onOrder(@Payload() order: Order, @Ctx() { attempt }: AmqpContext): Promise<void> {
    if (attempt === 1) throw new Error('the bank does not answer');
    const cents = await this.publisher.request<number>('', 'sample-08.prices', { item: order.item });
    await this.publisher.sendToQueue('sample-08.billed', { ...order, cents });
  }
}
