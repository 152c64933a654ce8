import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AmqpModule, ConfirmingPublisher } from 'nest-amqp';
import { AmqpClientProxy, AmqpRecordBuilder } from 'nest-amqp/microservices';
import { lastValueFrom } from 'rxjs';
import { EmbeddedBroker } from '../lib/broker/index.js';
import {
  connect,
  MessageReturnedError,
  PreconditionFailedError,
  typed,
  type Channel,
  type Connection,
  type FieldTable,
} from '../lib/client/index.js';
import { errorOf } from './client/support/client-harness.js';

const DELAY = 60_000;

/** As rabbitmq-delayed-message-exchange behaves. */
describe('exchanges of type x-delayed-message', () => {
  let broker: EmbeddedBroker;
  let connection: Connection;
  let channel: Channel;

  beforeEach(async () => {
    broker = await EmbeddedBroker.start();
    connection = await connect(broker.url);
    channel = await connection.openChannel({ confirm: true });
    await declare('later', 'topic');
    await channel.queueDeclare('q');
    await channel.queueBind('q', 'later', 'order.#');
  });
  afterEach(async () => {
    await connection.close();
    await broker.close();
  });

  const declare = (name: string, type: unknown, more: FieldTable = {}): Promise<void> =>
    channel.exchangeDeclare(name, 'x-delayed-message', { arguments: { 'x-delayed-type': type as string, ...more } });
  const send = (delay: unknown, text = 'x', key = 'order.a', mandatory = false) =>
    channel.publish('later', key, text, { headers: { 'x-delay': delay as number }, mandatory, deliveryMode: 2 });
  const got = async (queue = 'q') => {
    const delivery = await channel.basicGet(queue, { noAck: true });
    return delivery && { text: delivery.text(), delay: delivery.properties.headers?.['x-delay'] };
  };

  it('keep a message for its x-delay, then route it by the rules of x-delayed-type', async () => {
    await send(DELAY, 'late');
    await send(DELAY / 2, 'soon');
    await send(DELAY / 2, 'nobody', 'invoice.a');
    await channel.publish('later', 'order.a', 'now');
    expect(await got()).toEqual({ text: 'now', delay: undefined });
    broker.advance(DELAY / 2);
    expect(await got()).toEqual({ text: 'soon', delay: -DELAY / 2 });
    expect(await got()).toBeUndefined();
    broker.advance(DELAY / 2);
    expect(await got()).toEqual({ text: 'late', delay: -DELAY });
    expect(await got()).toBeUndefined();
  });

  it('take integers, floats and texts as a delay, and route a message with any other x-delay at once', async () => {
    for (const delay of [typed('int16', 9_000), 9_000.7, '9000']) await send(delay);
    expect(await got()).toBeUndefined();
    broker.advance(9_000);
    for (let count = 0; count < 3; count++) expect(await got()).toEqual({ text: 'x', delay: -9_000 });
    for (const delay of [0, -9_000, 2 ** 32, 'soon', null]) {
      await send(delay);
      expect(await got()).toMatchObject({ text: 'x' });
    }
  });

  it('return a mandatory message, and deliver it later', async () => {
    await expect(send(DELAY, 'x', 'order.a', true)).rejects.toThrow(MessageReturnedError);
    broker.advance(DELAY);
    expect(await got()).toEqual({ text: 'x', delay: -DELAY });
  });

  it('keep their messages over a restart, and lose them when they are deleted', async () => {
    await send(DELAY, 'kept');
    const back = new Promise<void>((resolve) => connection.once('reconnected', () => resolve()));
    broker.restart({ keep: 'durable' });
    await back;
    broker.advance(DELAY);
    expect(await got()).toEqual({ text: 'kept', delay: -DELAY });
    await send(DELAY, 'lost');
    await channel.exchangeDelete('later');
    await declare('later', 'fanout');
    await channel.queueBind('q', 'later', '');
    broker.advance(DELAY);
    expect(await got()).toBeUndefined();
  });

  it('need a type that exists and is not their own', async () => {
    for (const type of [undefined, 7, 'x-delayed-message']) {
      expect(await errorOf(declare('wrong', type))).toBeInstanceOf(PreconditionFailedError);
    }
    expect(String(await errorOf(declare('wrong', 'nonsense')))).toMatch(/invalid exchange type 'nonsense'/);
  });

  it('are no reason for our publishers to reject: a message with x-delay is not mandatory by default', async () => {
    @Module({ imports: [AmqpModule.forRoot({ url: broker.url })] })
    class AppModule {}

    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    const client = new AmqpClientProxy({
      urls: broker.url,
      exchange: 'later',
      exchangeType: 'x-delayed-message',
      exchangeArguments: { 'x-delayed-type': 'topic' },
      wildcards: true,
    });
    try {
      const publisher = app.get(ConfirmingPublisher, { strict: false });
      const headers = { 'x-delay': DELAY };
      await publisher.publish('later', 'order.a', 'published', { headers });
      const event = new AmqpRecordBuilder('emitted').setOptions({ headers }).build();
      await lastValueFrom(client.emit('order.a', event), { defaultValue: undefined });
      expect(await got()).toBeUndefined();
      broker.advance(DELAY);
      expect((await got())!.text).toBe('published');
      expect((await got())!.text).toContain('emitted');
      const failures = [
        publisher.publish('later', 'order.a', 1, { headers, mandatory: true }),
        publisher.publish('later', 'nobody', 1, { headers: { 'x-delay': 0 } }),
        publisher.publish('later', 'nobody', 1),
      ];
      for (const failure of failures) await expect(failure).rejects.toThrow(MessageReturnedError);
    } finally {
      await client.close();
      await app.close();
    }
  });
});
