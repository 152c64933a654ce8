import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpConsumer, AmqpConsumerRegistry, AmqpModule, classicQueue } from 'nest-amqp';
import { consumerClasses } from './consumer-classes.mjs';

/** @type {import('../adapter.d.ts').AppAdapter} */
export default {
  async start(url, queues) {
    class AppModule {}
    Module({
      imports: [AmqpModule.forRoot({ url, topology: { queues: queues.map((name) => classicQueue(name)) } })],
      providers: consumerClasses(queues, (queue) => AmqpConsumer(queue, { prefetch: 10, retry: false })),
    })(AppModule);
    const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
    const consumers = app.get(AmqpConsumerRegistry, { strict: false }).list();
    if (consumers.length !== queues.length || consumers.some(({ state }) => state !== 'consuming')) {
      throw new Error('some consumers do not consume');
    }
  },
};
