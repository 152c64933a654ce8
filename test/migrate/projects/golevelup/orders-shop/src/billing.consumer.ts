import { Nack, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable, Logger } from '@nestjs/common';
import type { ConsumeMessage } from 'amqplib';
import type { Order } from './order';

@Injectable()
export class BillingConsumer {
  readonly billed: { order: Order; key: string; source: unknown }[] = [];
  readonly audited: string[] = [];
  private readonly logger = new Logger(BillingConsumer.name);

  @RabbitSubscribe({
    exchange: 'shop.orders',
    routingKey: ['order.created', 'order.updated'],
    queue: 'billing',
    queueOptions: { durable: true, deadLetterExchange: '', deadLetterRoutingKey: 'billing.failed' },
  })
  public async onOrder(order: Order, message: ConsumeMessage): Promise<void | Nack> {
    if (!(order.total > 0)) {
      this.logger.warn(`order ${order.id} has no total`);
      return new Nack();
    }
    this.billed.push({
      order,
      key: message.fields.routingKey,
      source: message.properties.headers?.['x-source'],
    });
  }

  @RabbitSubscribe({ exchange: 'shop.audit', routingKey: '', queue: 'audit' })
  async onAny(event: { id: string }) {
    this.audited.push(event.id);
  }

  @RabbitSubscribe({ queue: 'billing.failed', createQueueIfNotExists: true })
  async onFailed(order: Order) {
    this.audited.push(`failed ${order.id}`);
  }
}
