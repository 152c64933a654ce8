import { MessageHandlerErrorBehavior, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';
import { Exchanges, RoutingKeys, SHIPPING_QUEUE } from '../messaging/messaging.constants';
import { ShippingPublisher } from './shipping.publisher';

const DEAD_QUEUE = `${SHIPPING_QUEUE}.dead`;

@Injectable()
export class ShippingConsumer {
  readonly shipped: number[] = [];
  readonly dead: number[] = [];

  constructor(private readonly publisher: ShippingPublisher) {}

  @RabbitSubscribe({
    exchange: Exchanges.Orders,
    routingKey: RoutingKeys.OrderPaid,
    queue: SHIPPING_QUEUE,
    queueOptions: {
      channel: 'shipping',
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-dead-letter-exchange': Exchanges.DeadLetters,
      },
    },
    errorBehavior: MessageHandlerErrorBehavior.NACK,
  })
  async onPaid({ id }: { id: number }) {
    if (id < 0) throw new Error('no such order');
    await this.publisher.shipped(id);
  }

  @RabbitSubscribe({ exchange: Exchanges.Orders, routingKey: RoutingKeys.OrderShipped, queue: 'shipping.log' })
  onShipped(event: { id: number }) {
    this.shipped.push(event.id);
  }

  @RabbitSubscribe({ exchange: Exchanges.DeadLetters, routingKey: '#', queue: DEAD_QUEUE })
  onDead(event: { id: number }) {
    this.dead.push(event.id);
  }
}
