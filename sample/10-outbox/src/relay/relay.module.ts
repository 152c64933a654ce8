import { Module } from '@nestjs/common';
import { AmqpModule, topicExchange } from 'nest-amqp';
import { Relay } from './relay.js';

@Module({
  imports: [
    AmqpModule.forRoot({
      url: process.env['AMQP_URL'] ?? 'amqp://localhost',
      connectionName: 'sample-10 relay',
      startup: 'background',
      topology: { exchanges: [topicExchange('sample-10.orders')] },
    }),
  ],
  providers: [Relay],
})
export class RelayModule {}
