import { Module } from '@nestjs/common';
import { AmqpModule, quorumQueue } from 'nest-amqp';
import { PriceService } from './price.service.js';
import { PricesController } from './prices.controller.js';

@Module({
  imports: [
    AmqpModule.forRootAsync({
      useFactory: () => ({
        url: process.env['AMQP_URL']!,
        connectionName: 'sample-03-rpc',
        topology: { queues: [quorumQueue('sample-03.prices')] },
      }),
    }),
  ],
  controllers: [PricesController],
  // PriceService may also run in another process: any consumer of the queue answers.
  providers: [PriceService],
})
export class AppModule {}
