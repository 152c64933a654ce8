import type { AddressInfo } from 'node:net';
import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { HealthCheck, HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { describe, expect, it } from '@jest/globals';
import { filter, firstValueFrom } from 'rxjs';
import {
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpHealthIndicator,
  AmqpModule,
  classicQueue,
  type AmqpModuleOptions,
} from 'nest-amqp';
import { publisherOf, useNest } from './support/nest-harness.js';

interface Health {
  readonly status: string;
  readonly details: { readonly amqp: Record<string, unknown> };
}

describe('AmqpHealthIndicator with @nestjs/terminus', () => {
  const nest = useNest();

  async function start(queue: string, options: AmqpModuleOptions) {
    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      onOrder(): void {}
    }

    @Controller()
    class HealthController {
      constructor(
        private readonly health: HealthCheckService,
        private readonly amqp: AmqpHealthIndicator,
      ) {}

      @Get('health')
      @HealthCheck()
      check(): unknown {
        return this.health.check([() => this.amqp.isHealthy('amqp')]);
      }
    }

    @Module({
      imports: [TerminusModule, AmqpModule.forRoot(options)],
      controllers: [HealthController],
      providers: [Billing],
    })
    class AppModule {}

    const app = nest.adopt(
      await NestFactory.create<NestExpressApplication>(AppModule, { logger: nest.lines, abortOnError: false }),
    );
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const health = async (): Promise<[number, Health, string]> => {
      const response = await fetch(`http://127.0.0.1:${port}/health`);
      const text = await response.text();
      return [response.status, JSON.parse(text) as Health, text];
    };
    return { app, health };
  }

  it('is up with open connections and active consumers, and down while they are lost', async () => {
    const queue = nest.name();
    const { proxy, url } = await nest.proxy();
    const topology = { queues: [classicQueue(queue)] };
    const { app, health } = await start(queue, { url, topology });
    const [ok, up] = await health();
    expect(ok).toBe(200);
    expect(up.details.amqp).toEqual({
      status: 'up',
      connections: { default: { publishing: 'open', consuming: 'open' } },
      consumers: { consuming: 1 },
      failing: [],
    });
    proxy.refuse();
    const lost = firstValueFrom(publisherOf(app).state$.pipe(filter((state) => state === 'reconnecting')));
    proxy.cut();
    await lost;
    await nest.lines.until('(consuming): ');
    const [unavailable, down] = await health();
    expect(unavailable).toBe(503);
    expect(down.details.amqp).toMatchObject({
      status: 'down',
      connections: { default: { publishing: 'reconnecting', reason: expect.any(String) } },
    });
    await proxy.accept();
    await nest.lines.until('(consuming): reconnected');
    await firstValueFrom(publisherOf(app).state$.pipe(filter((state) => state === 'open')));
    expect((await health())[0]).toBe(200);
  });

  it('is down without a broker at a background start, while HTTP is served, and shows no password', async () => {
    const queue = nest.name();
    const { proxy, url } = await nest.proxy();
    proxy.refuse();
    const secret = new URL(url);
    secret.username = 'guest';
    secret.password = 's3cret';
    const { health } = await start(queue, { url: secret.href, startup: 'background' });
    await nest.lines.until('next attempt in');
    const [status, { details }, text] = await health();
    expect(status).toBe(503);
    expect(details.amqp).toMatchObject({
      status: 'down',
      connections: {
        default: { publishing: 'connecting', consuming: 'connecting', reason: expect.stringContaining('127.0.0.1') },
      },
      failing: [{ handler: 'Billing.onOrder', queue, state: 'starting' }],
    });
    expect(text).not.toContain('s3cret');
  });

  it('is down while publishing is impossible, although all consumers consume', async () => {
    const queue = nest.name();
    const { proxy, url } = await nest.proxy();
    // The publishing connection reads its URL first.
    const urls = [url, nest.rabbit.url];
    const find = (): string => urls.shift() ?? url;
    const { app, health } = await start(queue, { url: find, topology: { queues: [classicQueue(queue)] } });
    proxy.refuse();
    const lost = firstValueFrom(publisherOf(app).state$.pipe(filter((state) => state === 'reconnecting')));
    proxy.cut();
    await lost;
    const [status, { details }] = await health();
    expect(status).toBe(503);
    expect(details.amqp).toMatchObject({
      connections: { default: { publishing: 'reconnecting', consuming: 'open' } },
      consumers: { consuming: 1 },
      failing: [],
    });
  });

  it('is down while a consumer has no queue, and up when the queue exists again', async () => {
    const queue = nest.name();
    await nest.channel.queueDeclare(queue);
    const { health } = await start(queue, { url: nest.rabbit.url });
    await nest.channel.queueDelete(queue);
    await nest.lines.until('Lost the consumer');
    const [status, { details }] = await health();
    expect(status).toBe(503);
    expect(details.amqp).toMatchObject({
      consumers: { recovering: 1 },
      failing: [{ queue, state: 'recovering', reason: expect.any(String) }],
    });
    await nest.channel.queueDeclare(queue);
    await nest.lines.until(`Consuming queue '${queue}' in Billing.onOrder again`);
    expect((await health())[0]).toBe(200);
  });

  it('is up with a paused consumer', async () => {
    const queue = nest.name();
    const { app, health } = await start(queue, { url: nest.rabbit.url, topology: { queues: [classicQueue(queue)] } });
    await app.get(AmqpConsumerRegistry, { strict: false }).pause({ queue });
    const [status, { details }] = await health();
    expect(status).toBe(200);
    expect(details.amqp).toMatchObject({ consumers: { paused: 1 }, failing: [] });
  });

  it('opens no connection of its own, and answers in the format of terminus’ own indicators', async () => {
    const queue = nest.name();
    const { proxy, url } = await nest.proxy();
    const { app, health } = await start(queue, { url, topology: { queues: [classicQueue(queue)] } });
    for (let n = 0; n < 5; n++) await health();
    expect(proxy.accepted).toBe(2);
    const { status, ...data } = app.get(AmqpHealthIndicator, { strict: false }).isHealthy().amqp;
    expect(status).toBe('up');
    expect(new HealthIndicatorService().check('amqp').up(data)).toEqual({ amqp: { status, ...data } });
  });
});
