import { randomBytes } from 'node:crypto';
import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { describe, expect, it } from '@jest/globals';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { firstValueFrom } from 'rxjs';
import {
  AmqpConsumer,
  AmqpModule,
  AmqpStartupError,
  classicQueue,
  ConfirmingPublisher,
  Payload,
  TopologyMismatchError,
  type AmqpModuleOptions,
} from 'nest-amqp';
import { AccessRefusedError, PublishRefusedError, PublishTimeoutError } from 'nest-amqp/client';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

describe("startup: 'wait'", () => {
  const nest = useNest();

  it('fails the start within its deadline when the broker cannot be reached: typed, and without credentials', async () => {
    const { proxy, url } = await nest.proxy();
    proxy.refuse();
    const secret = new URL(url);
    secret.username = 'guest';
    secret.password = 's3cret';
    const begin = performance.now();
    const starting = nest.start({ imports: [AmqpModule.forRoot({ url: secret.href, startupTimeout: 300 })] });
    const error = (await starting.catch((reason: unknown) => reason)) as AmqpStartupError;
    expect(error).toBeInstanceOf(AmqpStartupError);
    expect(performance.now() - begin).toBeGreaterThan(250);
    expect(performance.now() - begin).toBeLessThan(5_000);
    expect(error).toMatchObject({ connection: 'default', tried: [`127.0.0.1:${proxy.port}`], startupTimeout: 300 });
    expect(error.message).toContain(`127.0.0.1:${proxy.port}`);
    expect(error.message).toContain("startup: 'background'");
    expect([error.message, error.stack, ...nest.lines.inbox.all].join()).not.toContain('s3cret');
    // The start continued after the first attempt.
    expect(nest.lines.with('next attempt in').length).toBeGreaterThan(1);
  });

  it('fails likewise when a server accepts the connection and never answers', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const url = `amqp://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const starting = nest.start({ imports: [AmqpModule.forRoot({ url, startupTimeout: 100 })] });
    await expect(starting).rejects.toThrow(AmqpStartupError);
    await expect(starting).rejects.toThrow('there was no answer');
    silent.close();
  });

  it('starts when the broker answers within the deadline', async () => {
    const { proxy, url } = await nest.proxy();
    proxy.refuse();
    const starting = nest.start({ imports: [AmqpModule.forRoot({ url, startupTimeout: 30_000 })] });
    await nest.lines.until('next attempt in');
    await proxy.accept();
    await starting;
    expect(nest.lines.with(': connected to RabbitMQ')).toHaveLength(2);
  });

  it('fails at once for permanent errors', async () => {
    const url = new URL(nest.rabbit.url);
    url.username = 'guest';
    url.password = 'wrong-pass';
    const starting = nest.start({ imports: [AmqpModule.forRoot({ url: url.href, startupTimeout: 60_000 })] });
    await expect(starting).rejects.toThrow(AccessRefusedError);
    await expect(starting).rejects.toThrow(
      /^connection 'nest-amqp \((publishing|consuming)\)' to \S+:\d+ as user 'guest', vhost '\S+': 403/,
    );
    await expect(starting).rejects.not.toThrow('wrong-pass');
    expect(nest.lines.with('next attempt in')).toEqual([]);
  });

  it('leaves no connection open when another one cannot be opened', async () => {
    const { proxy, url } = await nest.proxy();
    proxy.refuse();
    const starting = nest.start({
      imports: [
        AmqpModule.forRoot({ url: nest.rabbit.url, connectionName: 'the good one' }),
        AmqpModule.forRoot({ name: 'other', url, startupTimeout: 200 }),
      ],
    });
    await expect(starting).rejects.toThrow("AMQP connection 'other' could not be opened within 200 ms");
    expect(nest.lines.with('the good one').filter((line) => line.endsWith(': closed'))).toHaveLength(2);
  });
});

describe("startup: 'background'", () => {
  const nest = useNest();

  it('serves HTTP without a broker; connects, declares and consumes once the broker answers', async () => {
    const queue = nest.name();
    const inbox = new Inbox();

    @Controller()
    class Orders {
      @Get()
      hello(): string {
        return 'hello';
      }

      @AmqpConsumer(queue)
      onOrder(@Payload() order: unknown): void {
        inbox.add(order);
      }
    }

    const { proxy, url } = await nest.proxy();
    proxy.refuse();
    const amqp = { url, startup: 'background', topology: { queues: [classicQueue(queue)] } } as const;

    @Module({ imports: [AmqpModule.forRoot(amqp)], controllers: [Orders] })
    class AppModule {}

    const app = nest.adopt(
      await NestFactory.create<NestExpressApplication>(AppModule, { logger: nest.lines, abortOnError: false }),
    );
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('hello');
    const publisher = publisherOf(app);
    expect(await firstValueFrom(publisher.state$)).toBe('connecting');
    const late = publisher.sendToQueue(queue, 'too late', { timeout: 20 });
    await expect(late).rejects.toThrow(PublishTimeoutError);
    await expect(late).rejects.toMatchObject({ outcome: 'not-sent' });
    const stop = new AbortController();
    const given = publisher.sendToQueue(queue, 'never', { signal: stop.signal });
    stop.abort(new Error('never mind'));
    await expect(given).rejects.toThrow('never mind');

    const waiting = publisher.sendToQueue(queue, 'order 1');
    await proxy.accept();
    await waiting;
    expect(await inbox.next()).toBe('order 1');
    expect(await firstValueFrom(publisher.state$)).toBe('open');
  });

  it('keeps trying while the topology differs, and consumes once it is corrected', async () => {
    const queue = nest.name();
    const inbox = new Inbox();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      onOrder(@Payload() order: unknown): void {
        inbox.add(order);
      }
    }

    await nest.channel.queueDeclare(queue, { arguments: { 'x-max-length': 5 } });
    const topology = { queues: [classicQueue(queue, { maxLength: 6 })] };
    const connection = { random: { next: () => 0, bytes: (size: number) => randomBytes(size) } };
    const app = await nest.start({ providers: [Billing] }, { startup: 'background', topology, connection });
    const reason = `Its 'x-max-length' is 5, and the topology asks for 6.`;
    await nest.lines.until(reason);
    // Attempts follow each other at once; the broker answers some of them between these.
    for (let look = 0; look < 50; look++) await nest.channel.queueDeclare(queue, { passive: true });
    expect(nest.lines.with(reason)).toHaveLength(1);
    await nest.channel.queueDelete(queue);
    await publisherOf(app).sendToQueue(queue, 1);
    expect(await inbox.next()).toBe(1);
  });

  it('logs once why a consumer cannot start, and starts it once its queue exists', async () => {
    const [queue, other] = [nest.name(), nest.name()];
    const inbox = new Inbox();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      onOrder(@Payload() order: unknown): void {
        inbox.add(order);
      }
    }

    const connection = { random: { next: () => 0, bytes: (size: number) => randomBytes(size) } };
    await nest.start({ providers: [Billing] }, { startup: 'background', connection });
    await nest.lines.until('cannot consume');
    for (let look = 0; look < 50; look++) await nest.channel.queueDeclare(other);
    expect(nest.lines.with('cannot consume')).toHaveLength(1);
    await nest.channel.queueDeclare(queue);
    await nest.channel.publish('', queue, '1');
    await inbox.next();
  });

  it.each([
    ['whenUnavailable: fail', { whenUnavailable: 'fail' }],
    ['maxWaiting: 0', { maxWaiting: 0 }],
    ['maxWaitingBytes: 2', { maxWaitingBytes: 2 }],
  ] satisfies [string, AmqpModuleOptions['publishing']][])(
    'refuses publishes before the start with %s',
    async (_, publishing) => {
      const { proxy, url } = await nest.proxy();
      proxy.refuse();
      const app = await nest.start({ imports: [AmqpModule.forRoot({ url, startup: 'background', publishing })] });
      const refused = app.get(ConfirmingPublisher, { strict: false }).sendToQueue('any', 'payload');
      await expect(refused).rejects.toThrow(PublishRefusedError);
    },
  );

  it('stops at once while it still tries, with or without consumers', async () => {
    const { proxy, url } = await nest.proxy();
    proxy.refuse();

    @Injectable()
    class Billing {
      @AmqpConsumer('any')
      onOrder(): void {}
    }

    const app = await nest.start({
      imports: [AmqpModule.forRoot({ url, startup: 'background' })],
      providers: [Billing],
    });
    const waiting = publisherOf(app).sendToQueue('any', 1);
    await nest.lines.until('next attempt in');
    const rejection = waiting.catch((error: unknown) => error);
    const begin = performance.now();
    await nest.close(app);
    // Shorter than the grace period of handlers.
    expect(performance.now() - begin).toBeLessThan(5_000);
    expect(nest.lines.with('ERROR')).toEqual([]);
    expect(await rejection).toMatchObject({ message: expect.stringContaining('shutting down') });
  });
});

describe('a topology that differs', () => {
  const nest = useNest();

  it("fails the start with 'wait', at once", async () => {
    const queue = nest.name();
    await nest.channel.queueDeclare(queue, { arguments: { 'x-max-length': 5 } });
    const starting = nest.start({}, { startupTimeout: 60_000, topology: { queues: [classicQueue(queue)] } });
    await expect(starting).rejects.toThrow(TopologyMismatchError);
  });
});
