import { Module } from '@nestjs/common';
import { AmqpModule, quorumQueue, topicExchange } from 'nest-amqp';
import { orders, prices } from 'sample-09-agreements';
import { Shop } from './shop.js';

@Module({
  imports: [
    AmqpModule.forRootAsync({
      useFactory: () => ({
        url: process.env['AMQP_URL'] ?? '',
        connectionName: 'sample-09 shop',
        topology: {
          exchanges: [topicExchange(orders.exchange), topicExchange(prices.exchange)],
          queues: [quorumQueue('sample-09.shop'), quorumQueue('sample-09.quotes')],
        },
      }),
    }),
    AmqpModule.forFeature([{ publisher: 'orders', exchange: orders }]),
  ],
  providers: [Shop],
})
export class ShopModule {}
