import { Injectable, Logger, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { AmqpConsumer, AmqpModule, classicQueue, ConfirmingPublisher, Payload } from 'nest-amqp';

@Injectable()
export class Orders implements OnApplicationBootstrap {
  constructor(private readonly publisher: ConfirmingPublisher) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.publisher.sendToQueue('orders', { id: 1 });
  }
}

@Injectable()
export class OrdersConsumer {
  private readonly logger = new Logger('Orders');

  @AmqpConsumer('orders')
  handle(@Payload() order: { id: number }): void {
    this.logger.log(`consumed order ${order.id}`);
  }
}

@Module({
  imports: [AmqpModule.forRoot({ url: process.env.AMQP_URL ?? '', topology: { queues: [classicQueue('orders')] } })],
  providers: [Orders, OrdersConsumer],
})
export class OrdersModule {}
