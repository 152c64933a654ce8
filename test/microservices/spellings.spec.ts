import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { describe, expect, it } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { AmqpModule, ConfirmingPublisher } from 'nest-amqp';
import { connect } from 'nest-amqp/client';
import { AmqpRecordBuilder } from 'nest-amqp/microservices';
import { useMicro } from './support/micro-harness.js';

const harness = useMicro();

describe('N4.6 The client, the module and the transport accept the spellings of other clients', () => {
  /** Returns the broker's URI without a path, since the test broker has the vhost `/`. */
  const bare = (): string => harness.url.replace(/\/*$/, '');

  /** Uses an address in each layer: resolves when a message with a numeric expiration has arrived. */
  const layers: Readonly<Record<string, (url: string, queue: string) => Promise<void>>> = {
    async client(url, queue) {
      await using connection = await connect(url);
      const channel = await connection.openChannel({ confirm: true });
      await channel.publish('', queue, 'one', { expiration: 60_000, mandatory: true });
    },
    async module(url, queue) {
      @Module({ imports: [AmqpModule.forRoot({ url })] })
      class AppModule {}
      const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
      await app.get(ConfirmingPublisher).sendToQueue(queue, 'one', { expiration: 60_000 });
      await app.close();
    },
    async transport(url, queue) {
      @Controller()
      class Service {}
      const own = { urls: url, queue: harness.name(), queueOptions: { autoDelete: true, durable: false } };
      await harness.serve([Service], own);
      const record = new AmqpRecordBuilder('one').setOptions({ expiration: 60_000 }).build();
      await lastValueFrom(harness.client({ urls: url, queue, noAssert: true }).emit('told', record));
    },
  };

  describe.each(Object.entries(layers))('the %s', (_, send) => {
    it.each(['', '/', '/%2F', '/?frameMax=8192', '/?frame_max=8192&heartbeat=7', '?vhost=%2F'])(
      'takes the address with %p behind the port',
      async (behind) => {
        const queue = harness.name();
        await harness.channel.queueDeclare(queue, { arguments: { 'x-queue-type': 'classic' } });
        await send(`${bare()}${behind}`, queue);
        const delivery = await harness.channel.basicGet(queue);
        expect(delivery?.properties.expiration).toBe('60000');
        delivery?.ack();
      },
    );
  });
});
