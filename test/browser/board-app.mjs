/**
 * An application with a board, for the browser test: two consumers on an embedded broker, whose names, messages and errors
 * contain markup. `failing` decides whether orders fail.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  AmqpConsumer,
  AmqpModule,
  AmqpTopology,
  bindExchange,
  bindQueue,
  classicQueue,
  ConfirmingPublisher,
  fanoutExchange,
  fixed,
  quorumQueue,
  topicExchange,
} from 'nest-amqp';
import { AmqpBoardModule } from 'nest-amqp/board';
import { EmbeddedBroker } from 'nest-amqp/broker';

/** Runs if it is ever taken for markup. */
export const HOSTILE = '<img src=x onerror="window.hacked = true"><script>window.hacked = true</script>';
export const HOSTILE_QUEUE = `mail ${HOSTILE}/%&#?`;

/**
 * @param more number of further consumers, each with its own queue
 * @param url of another broker
 * @param management URL of a management API
 * @param instances the name that all instances have in common
 */
export async function startBoardApp({ more = 0, prefix = '', url, instances, management } = {}) {
  const state = { failing: true, handled: [] };
  const log = [];

  class Orders {
    async onOrder(order) {
      if (!state.failing) return void state.handled.push(order);
      if (order.total > 100)
        throw new TypeError(`credit limit of customer ${order.customer} exceeded by ${order.total}`);
      throw new Error(`the carrier does not answer for order ${order.id}`);
    }
  }
  class Mail {
    onMail(text) {
      throw new Error(`${HOSTILE} in ${text.slice(0, 10)}`);
    }
  }
  class Many {}
  const retry = { attempts: 2, backoff: fixed(20) };
  consumes('orders', { retry, prefetch: 20 }, Orders, 'onOrder');
  consumes(HOSTILE_QUEUE, { retry: { attempts: 1 } }, Mail, 'onMail');
  const names = Array.from({ length: more }, (_, n) => `queue-${String(n).padStart(3, '0')}`);
  for (const [n, name] of names.entries()) {
    Many.prototype[`on${n}`] = () => {};
    consumes(name, {}, Many, `on${n}`);
  }

  const broker = url === undefined ? await EmbeddedBroker.start() : undefined;
  const topology = {
    exchanges: [topicExchange('shop', { alternateExchange: 'lost' }), topicExchange(HOSTILE), fanoutExchange('lost')],
    queues: [
      quorumQueue('orders', { deadLetterExchange: 'lost' }),
      classicQueue(HOSTILE_QUEUE),
      ...names.map((name) => classicQueue(name)),
    ],
    bindings: [
      bindQueue('orders', 'shop', 'order.created'),
      bindQueue('orders', 'shop', 'order.paid'),
      bindExchange(HOSTILE, 'shop', '#'),
      bindQueue(HOSTILE_QUEUE, HOSTILE, HOSTILE),
      ...names.map((name) => bindQueue(name, 'shop', name)),
    ],
  };
  class AppModule {}
  Module({
    imports: [
      AmqpModule.forRoot({ url: url ?? broker.url, topology }),
      AmqpBoardModule.forRoot({
        path: '/amqp',
        user: () => 'alice',
        edit: true,
        ...(instances && { instances }),
        ...(management && { management }),
      }),
    ],
    providers: [Orders, Mail, Many],
  })(AppModule);
  const record = (line) => log.push(String(line));
  const logger = { log: record, warn: record, error: record, debug: () => {} };
  const app = await NestFactory.create(AppModule, { logger });
  if (prefix) app.setGlobalPrefix(prefix);
  await app.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
  const publisher = app.get(ConfirmingPublisher, { strict: false });
  return {
    state,
    log,
    broker: url ?? broker.url,
    url: `${await app.getUrl()}${prefix && `/${prefix}`}/amqp`,
    order: (id, more = {}) =>
      publisher.sendToQueue('orders', { id, customer: 'c-17', total: 20, ...more }, { messageId: `order-${id}` }),
    /** Parks a message whose payload is not text. */
    parkBytes: () => publisher.sendToQueue('orders.parked', Buffer.from([0xff, 0, 1]), { messageId: 'bytes' }),
    mail: (text) => publisher.sendToQueue(HOSTILE_QUEUE, text, { messageId: HOSTILE, headers: { [HOSTILE]: HOSTILE } }),
    declareQueue: (queue, exchange, key) =>
      app
        .get(AmqpTopology, { strict: false })
        .declare({ queues: [classicQueue(queue)], bindings: [bindQueue(queue, exchange, key)] }),
    async close() {
      await app.close();
      await broker?.close();
    },
  };
}

/** Decorates a method, as `@AmqpConsumer(queue, options)` does. */
function consumes(queue, options, { prototype }, method) {
  AmqpConsumer(queue, options)(prototype, method, Object.getOwnPropertyDescriptor(prototype, method));
}
