import 'reflect-metadata';
import { AmqpConnection, RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PAYLOAD } from '../nest/payload.mjs';

/** @type {import('../adapter.d.ts').Adapter} */
export default {
  async open(uri) {
    const start = (prefetchCount, providers) => {
      class AppModule {}
      const module = RabbitMQModule.forRoot({ uri, prefetchCount, connectionInitOptions: { wait: true } });
      Module({ imports: [module], providers })(AppModule);
      return NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
    };
    return {
      async openChannel({ confirm, prefetch }) {
        const connection = confirm ? (await start(10, [])).get(AmqpConnection) : undefined;
        return {
          publishConfirmed: (exchange, routingKey, _body, confirmed) =>
            void connection.publish(exchange, routingKey, PAYLOAD, { persistent: true }).then(confirmed),
          consume(queue, _noAck, onMessage) {
            class Consumer {
              async onMessage(payload) {
                onMessage(payload);
              }
            }
            const handler = Object.getOwnPropertyDescriptor(Consumer.prototype, 'onMessage');
            RabbitSubscribe({ queue, createQueueIfNotExists: false })(Consumer.prototype, 'onMessage', handler);
            return start(prefetch, [Consumer]);
          },
        };
      },
    };
  },
};
