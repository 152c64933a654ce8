import { Inject, Module, OnApplicationShutdown } from '@nestjs/common';
import type { ChannelModel } from 'amqplib';
import { AMQP_CHANNEL, AMQP_CONNECTION, amqpProviders } from './amqp.providers';
import { EventBus } from './event-bus';
import { Subscriber } from './subscriber';

@Module({ providers: [...amqpProviders, EventBus, Subscriber], exports: [AMQP_CHANNEL] })
export class AmqpModule implements OnApplicationShutdown {
  constructor(@Inject(AMQP_CONNECTION) private readonly connection: ChannelModel) {}

  async onApplicationShutdown() {
    await this.connection.close();
  }
}
