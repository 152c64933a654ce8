import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ClientsModule } from '@nestjs/microservices';
import { AmqpClientProxy } from 'nest-amqp/microservices';
import { EVENTS, STOCK, url } from '../options.js';
import { OrdersService } from './orders.service.js';
import { PassedOnFilter } from './passed-on.filter.js';

@Module({
  imports: [
    ClientsModule.register([
      { name: 'STOCK', customClass: AmqpClientProxy, options: { ...STOCK, requestTimeout: 2_000 } },
      { name: 'EVENTS', customClass: AmqpClientProxy, options: { ...EVENTS, urls: [url] } },
    ]),
  ],
  controllers: [OrdersService],
  providers: [{ provide: APP_FILTER, useClass: PassedOnFilter }],
})
export class OrdersModule {}
