import { Module } from '@nestjs/common';
import { AmqpModule, bindQueue, quorumQueue, topicExchange } from 'nest-amqp';
import { brokerUrl } from './broker-url.js';
import { OrdersModule } from './orders/orders.module.js';
import { PageController } from './page.controller.js';

@Module({
  imports: [
    AmqpModule.forRootAsync({
      useFactory: async () => ({
        url: await brokerUrl(),
        connectionName: 'sample-01-orders',
        publishing: { timeout: 5_000 }, // somebody waits for the answer
        topology: {
          exchanges: [topicExchange('sample-01.orders')],
          queues: [quorumQueue('sample-01.billing')],
          bindings: [bindQueue('sample-01.billing', 'sample-01.orders', 'order.created')],
        },
      }),
    }),
    OrdersModule,
  ],
  controllers: [PageController],
})
export class AppModule {}
