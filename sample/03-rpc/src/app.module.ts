import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { AmqpModule, quorumQueue, RpcRemoteErrorFilter } from 'nest-amqp';
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
  // The filter answers with the status of the answering side.
  providers: [PriceService, { provide: APP_FILTER, useClass: RpcRemoteErrorFilter }],
})
export class AppModule {}
