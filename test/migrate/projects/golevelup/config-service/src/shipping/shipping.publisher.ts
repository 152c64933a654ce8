import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';
import { Exchanges, RoutingKeys } from '../messaging/messaging.constants';

@Injectable()
export class ShippingPublisher {
  constructor(private readonly rabbit: AmqpConnection) {}

  paid(id: number) {
    return this.rabbit.publish(Exchanges.Orders, RoutingKeys.OrderPaid, { id });
  }

  async shipped(id: number) {
    await this.rabbit.publish(Exchanges.Orders, RoutingKeys.OrderShipped, { id }, { deliveryMode: 2 });
  }
}
