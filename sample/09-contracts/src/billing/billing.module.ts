import { Module } from '@nestjs/common';
import { AmqpModule, quorumQueue, topicExchange } from 'nest-amqp';
import { orders, prices } from 'sample-09-agreements';
import { Billing } from './billing.js';

@Module({
  imports: [
    AmqpModule.forRootAsync({
      useFactory: () => ({
        url: process.env['AMQP_URL'] ?? '',
        connectionName: 'sample-09 billing',
        topology: {
          exchanges: [topicExchange(orders.exchange), topicExchange(prices.exchange)],
          queues: [quorumQueue('sample-09.billing')],
        },
      }),
    }),
    AmqpModule.forFeature([
      { publisher: 'orders', exchange: orders },
      { publisher: 'prices', exchange: prices },
    ]),
  ],
  providers: [Billing],
})
export class BillingModule {}
