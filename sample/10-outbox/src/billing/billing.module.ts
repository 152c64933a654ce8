import { Module } from '@nestjs/common';
import { AmqpModule, bindQueue, quorumQueue, topicExchange } from 'nest-amqp';
import { Database } from '../database/database.js';
import { Inbox } from '../inbox/inbox.js';
import { Billing } from './billing.js';

@Module({
  imports: [
    AmqpModule.forRoot({
      url: process.env['AMQP_URL'] ?? 'amqp://localhost',
      connectionName: 'sample-10 billing',
      topology: {
        exchanges: [topicExchange('sample-10.orders')],
        queues: [quorumQueue('sample-10.billing')],
        bindings: [bindQueue('sample-10.billing', 'sample-10.orders', 'order.placed')],
      },
    }),
  ],
  providers: [Database, Inbox, Billing],
})
export class BillingModule {}
