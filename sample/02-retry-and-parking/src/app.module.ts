import { Module } from '@nestjs/common';
import { AmqpModule, quorumQueue } from 'nest-amqp';
import { Bank } from './bank.js';
import { BillingConsumer } from './billing.consumer.js';

@Module({
  imports: [
    AmqpModule.forRoot({
      url: process.env['AMQP_URL'] ?? '',
      connectionName: 'sample-02',
      // Delay queues and sample-02.billing.parked come with the consumer.
      topology: { queues: [quorumQueue('sample-02.billing')] },
    }),
  ],
  providers: [Bank, BillingConsumer],
})
export class AppModule {}
