import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { MessageBus } from './message-bus.service';
import { BUS_OPTIONS } from './bus.options';

@Module({
  imports: [RabbitMQModule.forRoot(BUS_OPTIONS)],
  providers: [MessageBus],
  exports: [MessageBus, RabbitMQModule],
})
export class BusModule {}
