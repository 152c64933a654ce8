import 'reflect-metadata';
import { AmqpConnection, RabbitMQModule, RabbitRPC, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PAYLOAD, SERVICE_PREFETCH } from '../nest/payload.mjs';

/** As ours: without it, the kernel holds small writes back until the broker's TCP acks, for up to 40 ms. */
export const NO_DELAY = { connectionOptions: { noDelay: true } };

/** @type {import('../adapter.d.ts').Adapter} */
export default {
  async open(uri) {
    const start = (prefetchCount, providers) => {
      class AppModule {}
      const module = RabbitMQModule.forRoot({
        uri,
        prefetchCount,
        connectionInitOptions: { wait: true },
        connectionManagerOptions: NO_DELAY,
      });
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
      async openRequests(queue, onRequest) {
        class Service {
          onRequest(payload) {
            return onRequest(payload);
          }
        }
        const handler = Object.getOwnPropertyDescriptor(Service.prototype, 'onRequest');
        const options = { queue, exchange: '', routingKey: queue, createQueueIfNotExists: false };
        RabbitRPC(options)(Service.prototype, 'onRequest', handler);
        const connection = (await start(SERVICE_PREFETCH, [Service])).get(AmqpConnection);
        const request = { exchange: '', routingKey: queue, payload: PAYLOAD, publishOptions: { persistent: true } };
        return (answered) => void connection.request(request).then(answered);
      },
    };
  },
};
