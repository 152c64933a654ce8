import 'reflect-metadata';
import { AmqpConnection, RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { consumerClasses } from '../nest/consumer-classes.mjs';
import { NO_DELAY } from './golevelup.mjs';

/**
 * @param {{ ownChannels: boolean }} options
 * @returns {import('../adapter.d.ts').AppAdapter}
 */
export function golevelupApp({ ownChannels }) {
  return {
    async start(uri, queues) {
      class AppModule {}
      const channels = ownChannels ? Object.fromEntries(queues.map((queue) => [queue, { prefetchCount: 10 }])) : {};
      const decorator = (queue) =>
        RabbitSubscribe({
          queue,
          queueOptions: {
            durable: true,
            arguments: { 'x-queue-type': 'classic' },
            ...(ownChannels && { channel: queue }),
          },
        });
      Module({
        imports: [
          RabbitMQModule.forRoot({
            uri,
            prefetchCount: 10,
            channels,
            connectionManagerOptions: NO_DELAY,
            connectionInitOptions: { wait: true, timeout: 60_000 },
          }),
        ],
        providers: consumerClasses(queues, decorator),
      })(AppModule);
      const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
      const { consumerTags } = app.get(AmqpConnection);
      if (consumerTags.length !== queues.length) throw new Error('some consumers do not consume');
    },
  };
}
