import { Module } from '@nestjs/common';
import { AmqpModule, bindQueue, quorumQueue, topicExchange } from 'nest-amqp';
import { url } from '../service.js';
import { Billing } from './billing.js';

@Module({
  imports: [
    AmqpModule.forRoot({
      url,
      connectionName: 'sample-08 billing',
      topology: {
        exchanges: [topicExchange('sample-08.orders')],
        queues: [quorumQueue('sample-08.billing')],
        bindings: [bindQueue('sample-08.billing', 'sample-08.orders', 'order.created')],
      },
    }),
  ],
  providers: [Billing],
})
export class BillingModule {}
