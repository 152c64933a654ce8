import { Module } from '@nestjs/common';
import { AmqpModule, quorumQueue } from 'nest-amqp';
import { Bank } from './bank.js';
import { BillingConsumer } from './billing.consumer.js';

@Module({
  imports: [
    AmqpModule.forRoot({
      url: process.env['AMQP_URL'] ?? '',
      connectionName: 'sample-02',
      // The consumer declares its delay queues and sample-02.billing.parked.
      topology: { queues: [quorumQueue('sample-02.billing')] },
    }),
  ],
  providers: [Bank, BillingConsumer],
})
export class AppModule {}
