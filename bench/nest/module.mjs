import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpConsumer, AmqpModule, AmqpRpc, ConfirmingPublisher, Payload } from 'nest-amqp';
import { PAYLOAD, SERVICE_PREFETCH } from './payload.mjs';

/** `ConfirmingPublisher` and `@AmqpConsumer`. @type {import('../adapter.d.ts').Adapter} */
export default {
  async open(url) {
    const start = (providers) => {
      class AppModule {}
      Module({ imports: [AmqpModule.forRoot({ url })], providers })(AppModule);
      return NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
    };
    return {
      async openChannel({ confirm, prefetch }) {
        const publisher = confirm ? (await start([])).get(ConfirmingPublisher) : undefined;
        return {
          publishConfirmed: (exchange, routingKey, _body, confirmed) =>
            void publisher.publish(exchange, routingKey, PAYLOAD).then(confirmed),
          consume(queue, _noAck, onMessage) {
            class Consumer {
              onMessage(payload) {
                onMessage(payload);
              }
            }
            const handler = Object.getOwnPropertyDescriptor(Consumer.prototype, 'onMessage');
            AmqpConsumer(queue, { prefetch, retry: false })(Consumer.prototype, 'onMessage', handler);
            Payload()(Consumer.prototype, 'onMessage', 0);
            return start([Consumer]);
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
        AmqpRpc(queue, { prefetch: SERVICE_PREFETCH })(Service.prototype, 'onRequest', handler);
        Payload()(Service.prototype, 'onRequest', 0);
        const publisher = (await start([Service])).get(ConfirmingPublisher);
        return (answered) => void publisher.request('', queue, PAYLOAD).then(answered);
      },
    };
  },
};
