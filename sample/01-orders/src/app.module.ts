import { Module } from '@nestjs/common';
import { AmqpModule, bindQueue, quorumQueue, topicExchange } from 'nest-amqp';
import { AmqpBoardModule } from 'nest-amqp/board';
import { DemoBroker } from './demo/demo-broker.js';
import { DemoBrokerModule } from './demo/demo-broker.module.js';
import { ThisMachineGuard } from './demo/this-machine.guard.js';
import { OrdersModule } from './orders/orders.module.js';
import { PageController } from './page.controller.js';

@Module({
  imports: [
    AmqpModule.forRootAsync({
      imports: [DemoBrokerModule],
      inject: [DemoBroker],
      useFactory: ({ url }: DemoBroker) => ({
        url,
        connectionName: 'sample-01-orders',
        publishing: { timeout: 8_000 }, // an HTTP client waits for the answer
        topology: {
          exchanges: [topicExchange('sample-01.orders')],
          queues: [quorumQueue('sample-01.billing'), quorumQueue('sample-01.shipping')],
          bindings: [
            bindQueue('sample-01.billing', 'sample-01.orders', 'order.created'),
            bindQueue('sample-01.shipping', 'sample-01.orders', 'order.created'),
          ],
        },
      }),
    }),
    AmqpBoardModule.forRoot({ path: '/amqp', guards: [ThisMachineGuard] }),
    OrdersModule,
  ],
  controllers: [PageController],
})
export class AppModule {}
