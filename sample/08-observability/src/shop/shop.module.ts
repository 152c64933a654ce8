import { Module } from '@nestjs/common';
import { AmqpModule, quorumQueue } from 'nest-amqp';
import { url } from '../service.js';
import { Shop } from './shop.js';

@Module({
  imports: [
    AmqpModule.forRoot({
      url,
      connectionName: 'sample-08 shop',
      topology: { queues: [quorumQueue('sample-08.prices'), quorumQueue('sample-08.billed')] },
    }),
  ],
  providers: [Shop],
})
export class ShopModule {}
