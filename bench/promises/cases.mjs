import 'reflect-metadata';
import { Buffer } from 'node:buffer';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload as TransportPayload } from '@nestjs/microservices';
import { AmqpConsumer, AmqpModule, AmqpRpc, ConfirmingPublisher, Payload } from 'nest-amqp';
import { connect } from 'nest-amqp/client';
import { AmqpClientProxy, AmqpServer } from 'nest-amqp/microservices';
import { PATTERN, PAYLOAD } from '../nest/payload.mjs';

const QUEUE = 'counted';
/** Publishes and requests under way at once. */
const TOGETHER = 200;

/**
 * The cases by name. Each one calls `onMessage` once for each of `total` messages.
 *
 * @type {Record<string, (run: { url: string, total: number, onMessage: () => void }) => Promise<void>>}
 */
export const cases = {
  'ConfirmingPublisher.publish': async ({ url, total, onMessage }) => {
    await declare(url, { 'x-max-length': 1_000 });
    const publisher = (await application(url, [])).get(ConfirmingPublisher);
    keepSending(total, onMessage, (taken) => publisher.publish('', QUEUE, PAYLOAD).then(taken, fail));
  },
  '@AmqpConsumer, prefetch 200, sync': (run) => consume(run, 200, () => run.onMessage()),
  '@AmqpConsumer, prefetch 200, async': (run) => consume(run, 200, async () => run.onMessage()),
  '@AmqpConsumer, prefetch 10, sync': (run) => consume(run, 10, () => run.onMessage()),
  '@AmqpConsumer, prefetch 10, async': (run) => consume(run, 10, async () => run.onMessage()),
  'request() and @AmqpRpc': async ({ url, total, onMessage }) => {
    await declare(url);
    class Prices {}
    decorate(Prices, 'price', (payload) => payload.total, AmqpRpc(QUEUE, { prefetch: TOGETHER }), Payload());
    const publisher = (await application(url, [Prices])).get(ConfirmingPublisher);
    keepSending(total, onMessage, (taken) => publisher.request('', QUEUE, PAYLOAD).then(taken, fail));
  },
  emit: async ({ url, total, onMessage }) => {
    await declare(url, { 'x-max-length': 1_000 });
    const proxy = await client(url);
    keepSending(total, onMessage, (taken) => proxy.emit(PATTERN, PAYLOAD).subscribe({ complete: taken, error: fail }));
  },
  '@EventPattern': async ({ url, total, onMessage }) => {
    await declare(url);
    await fill(url, total, JSON.stringify({ pattern: PATTERN, data: PAYLOAD }), { headers: {}, deliveryMode: 2 });
    await serve(url, EventPattern(PATTERN), () => onMessage());
  },
  'send and @MessagePattern': async ({ url, total, onMessage }) => {
    await declare(url);
    await serve(url, MessagePattern('price'), (payload) => payload.total);
    const proxy = await client(url);
    keepSending(total, onMessage, (taken) => proxy.send('price', PAYLOAD).subscribe({ complete: taken, error: fail }));
  },
};

async function consume({ url, total }, prefetch, handler) {
  await declare(url);
  const messageId = 'b2a0c1de-1111-4222-8333-123456789abc';
  await fill(url, total, JSON.stringify(PAYLOAD), { contentType: 'application/json', deliveryMode: 2, messageId });
  class Consumer {}
  decorate(Consumer, 'onMessage', handler, AmqpConsumer(QUEUE, { prefetch, retry: false }), Payload());
  await application(url, [Consumer]);
}

/** Calls `send(taken)` for each message; each `taken` sends the next one. */
function keepSending(total, onMessage, send) {
  let sent = 0;
  const next = () => {
    if (sent++ < total) send(taken);
  };
  const taken = () => {
    onMessage();
    next();
  };
  for (let index = 0; index < TOGETHER; index++) next();
}

function application(url, providers) {
  class AppModule {}
  Module({ imports: [AmqpModule.forRoot({ url })], providers })(AppModule);
  return NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
}

async function serve(url, pattern, handler) {
  class Service {}
  Controller()(Service);
  decorate(Service, 'handle', handler, pattern, TransportPayload(), Ctx());
  class AppModule {}
  Module({ controllers: [Service] })(AppModule);
  const strategy = new AmqpServer({ ...transport(url), noAck: false, prefetchCount: TOGETHER });
  await (await NestFactory.createMicroservice(AppModule, { strategy, logger: ['error', 'warn'] })).listen();
}

async function client(url) {
  const proxy = new AmqpClientProxy(transport(url));
  await proxy.connect();
  return proxy;
}

const transport = (url) => ({ urls: [url], queue: QUEUE, noAssert: true, persistent: true });

function decorate(Class, name, method, decorator, ...parameters) {
  Object.defineProperty(Class.prototype, name, { value: method, configurable: true, writable: true });
  decorator(Class.prototype, name, Object.getOwnPropertyDescriptor(Class.prototype, name));
  for (const [index, parameter] of parameters.entries()) parameter(Class.prototype, name, index);
}

async function declare(url, limits = {}) {
  await using(url, {}, (channel) => channel.queueDeclare(QUEUE, { durable: true, arguments: limits }));
}

async function fill(url, total, text, properties) {
  const body = Buffer.from(text);
  await using(url, { confirm: true, maxWaiting: total }, (channel) =>
    Promise.all(Array.from({ length: total }, () => channel.publish('', QUEUE, body, properties))),
  );
}

async function using(url, options, work) {
  const connection = await connect(url);
  await work(await connection.openChannel(options));
  await connection.close();
}

function fail(error) {
  throw error;
}
