import { Module } from '@nestjs/common';
import { AmqpModule, quorumQueue } from 'nest-amqp';
import { Averages } from './averages.js';
import { ReadingsConsumer } from './readings.consumer.js';
import { ReadingsController } from './readings.controller.js';

@Module({
  imports: [
    AmqpModule.forRootAsync({
      useFactory: () => ({
        url: process.env['AMQP_URL']!,
        connectionName: 'sample-04-batch',
        topology: { queues: [quorumQueue('sample-04.readings')] },
      }),
    }),
  ],
  controllers: [ReadingsController],
  providers: [Averages, ReadingsConsumer],
})
export class AppModule {}
