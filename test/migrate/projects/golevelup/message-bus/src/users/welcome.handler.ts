import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';
import { BUS_EXCHANGE } from '../bus/bus.options';

@Injectable()
export class WelcomeHandler {
  readonly welcomed: string[] = [];

  @RabbitSubscribe({ exchange: BUS_EXCHANGE, routingKey: 'user.signed-up', queue: 'welcome' })
  async welcome(event: { email: string }) {
    this.welcomed.push(event.email);
  }
}
