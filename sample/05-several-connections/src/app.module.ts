import { Module } from '@nestjs/common';
import { AmqpModule, classicQueue, topicExchange } from 'nest-amqp';
import { Billing } from './billing.js';

const url = process.env['AMQP_URL']!;

@Module({
  imports: [
    AmqpModule.forRoot({
      url,
      connectionName: 'sample-05 orders',
      topology: { queues: [classicQueue('sample-05.orders')] },
    }),
    AmqpModule.forRoot({
      name: 'billing',
      url: process.env['BILLING_URL'] ?? url,
      connectionName: 'sample-05 billing',
      topology: {
        exchanges: [topicExchange('sample-05.invoices')],
        // Its handlers bind it, see Billing.
        queues: [classicQueue('sample-05.invoices')],
      },
    }),
    AmqpModule.forFeature([{ publisher: 'invoices', exchange: 'sample-05.invoices', connection: 'billing' }]),
  ],
  providers: [Billing],
})
export class AppModule {}
