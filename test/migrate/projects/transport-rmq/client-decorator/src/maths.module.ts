import { Module } from '@nestjs/common';
import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { MathsController } from './maths.controller';
import { MathsService } from './maths.service';
import { rabbit } from './rabbit.config';

@Module({
  controllers: [MathsController],
  providers: [
    MathsService,
    {
      provide: 'MATHS_CLIENT',
      useFactory: () => ClientProxyFactory.create({ transport: Transport.RMQ, options: rabbit }),
    },
  ],
})
export class MathsModule {}
