import { Controller, Get, Injectable, Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { AmqpConsumer, AmqpModule, classicQueue, type AmqpModuleOptions } from 'nest-amqp';
import { AmqpMicroservicesModule, AmqpService, type AmqpClientProxy } from 'nest-amqp/microservices';
import { ConfigurationError, type Connection } from 'nest-amqp/client';
import { errorOf, eventually } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { Database } from './support/database.js';
import { useMicro } from './support/micro-harness.js';

const harness = useMicro();

/** Starts an HTTP application with the module, whose service also serves a queue. */
async function hybrid(amqp: Partial<AmqpModuleOptions> = {}, hold?: Promise<void>) {
  const steps: string[] = [];
  const consumed = new Inbox<unknown>();
  const started = new Inbox<unknown>();
  const others = harness.name('consumed');

  @Controller()
  class Service {
    constructor(readonly database: Database) {}

    @Get('ping')
    @MessagePattern('ping')
    ping(): string {
      return 'pong';
    }

    @MessagePattern('double')
    double(@Payload() n: number): number {
      return 2 * n;
    }

    @EventPattern<string>('slow')
    async slow(n: number): Promise<void> {
      started.add(n);
      await hold;
      steps.push('handled');
    }

    @AmqpConsumer(others)
    onMessage(payload: unknown): void {
      consumed.add(payload);
    }
  }

  @Module({
    imports: [
      AmqpModule.forRoot({ url: harness.url, topology: { queues: [classicQueue(others)] }, ...amqp }),
      AmqpMicroservicesModule,
    ],
    controllers: [Service],
    providers: [Database.noting(steps)],
  })
  class AppModule {}

  const app = await NestFactory.create(AppModule, { logger: harness.lines, abortOnError: false });
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await app.close();
  };
  harness.onEnd(close);
  return { app, close, steps, consumed, started, others };
}

async function listen(app: INestApplication): Promise<string> {
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

describe('AmqpService', () => {
  it('makes a server and a client on the module’s connections', async () => {
    const queue = harness.name();
    const { app, close, consumed, others } = await hybrid();
    const amqp = app.get(AmqpService);
    const strategy = amqp.createServer({ queue });
    const doubled = { intercept: (_: unknown, next: { handle(): unknown }) => next.handle() };
    app.useGlobalInterceptors(doubled as never);
    app.connectMicroservice({ strategy }, { inheritAppConfig: true });
    const url = await listen(app);
    const client = amqp.createClient({ queue });
    expect(await firstValueFrom(client.send('ping', {}))).toBe('pong');
    expect(await (await fetch(`${url}/ping`)).text()).toBe('pong');
    const other = amqp.createClient({ queue: others });
    await lastValueFrom(other.emit('told', 1));
    await consumed.next();
    expect(strategy.unwrap<Connection>()).not.toBe(client.unwrap<Connection>());
    expect(other.unwrap<Connection>()).toBe(client.unwrap<Connection>());
    const { closed } = strategy.unwrap<Connection>();
    await close();
    expect(await closed).toBeUndefined();
  });

  it('lets the server inherit pipes of the application when configured', async () => {
    const queues = [harness.name(), harness.name()];
    const { app } = await hybrid();
    app.useGlobalPipes({ transform: (value: unknown) => (typeof value === 'number' ? value + 1 : value) });
    const amqp = app.get(AmqpService);
    app.connectMicroservice({ strategy: amqp.createServer({ queue: queues[0]! }) }, { inheritAppConfig: true });
    app.connectMicroservice({ strategy: amqp.createServer({ queue: queues[1]! }) });
    await listen(app);
    const answers = queues.map((queue) => firstValueFrom(amqp.createClient({ queue }).send('double', 1)));
    expect(await Promise.all(answers)).toEqual([4, 2]);
  });

  it('can be injected into a factory', async () => {
    const queue = harness.name();
    const { app } = await hybrid();
    app.connectMicroservice({
      inject: [AmqpService],
      useFactory: (amqp: AmqpService) => ({ strategy: amqp.createServer({ queue }) }),
    });
    await listen(app);
    expect(await firstValueFrom(harness.client({ queue }).send('ping', {}))).toBe('pong');
  });

  it('stops its servers once, before the dependencies of their handlers are destroyed', async () => {
    const queue = harness.name();
    let release = (): void => {};
    const hold = new Promise<void>((resolve) => (release = resolve));
    const { app, close, steps, started } = await hybrid({}, hold);
    const listeners = process.listenerCount('SIGTERM');
    const microservice = app.connectMicroservice({ strategy: app.get(AmqpService).createServer({ queue }) });
    microservice.enableShutdownHooks(['SIGTERM']);
    await listen(app);
    await lastValueFrom(harness.client({ queue }).emit('slow', 1));
    await started.next();
    const closed = close();
    await eventually(async () => (await harness.channel.queueDeclare(queue, { passive: true })).consumerCount === 0);
    release();
    await closed;
    expect(steps).toEqual(['handled', 'database destroyed']);
    expect(await harness.ready(queue)).toBe(0);
    // Nest 11 keeps the listener of a microservice.
    expect(process.listenerCount('SIGTERM')).toBeLessThanOrEqual(listeners + 1);
    process.removeAllListeners('SIGTERM');
  });

  it('leaves no exclusive queue on a connection that stays open', async () => {
    const exchange = harness.name('fanout');
    const { app } = await hybrid();
    const server = app.get(AmqpService).createServer({ exchange, exchangeType: 'fanout' });
    app.connectMicroservice({ strategy: server });
    await listen(app);
    await server.close();
    const body = JSON.stringify({ pattern: 'ping', data: {} });
    expect(await errorOf(harness.channel.publish(exchange, '', body, { mandatory: true }))).toMatchObject({
      replyText: 'NO_ROUTE',
    });
  });

  it('declares nothing where the module may not', async () => {
    const queue = harness.name();
    const { app, others } = await hybrid({ topology: { declare: 'none' } });
    await harness.channel.queueDeclare(others);
    await harness.channel.queueDeclare(`${others}.parked`);
    app.connectMicroservice({ strategy: app.get(AmqpService).createServer({ queue }) });
    expect(await errorOf(app.startAllMicroservices())).toMatchObject({ replyCode: 404 });
  });

  it('knows the module’s connections by name', async () => {
    const { app } = await hybrid();
    const strategy = app.get(AmqpService).createServer({ queue: 'orders', connection: 'billing' });
    app.connectMicroservice({ strategy });
    const error = await errorOf(app.startAllMicroservices());
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain("there is no AMQP connection 'billing'; known are: 'default'");
  });

  it.each(['urls', 'socketOptions', 'connectionName', 'maxConnectionAttempts'])(
    'refuses %p, which would have no effect on a shared connection',
    async (option) => {
      const { app } = await hybrid();
      const amqp = app.get(AmqpService);
      const options = { queue: 'orders', [option]: 5 };
      for (const method of ['createServer', 'createClient'] as const) {
        expect(() => amqp[method](options)).toThrow(
          `AmqpService.${method}(): '${option}' would have no effect: the connection is that of AmqpModule.forRoot()`,
        );
      }
      await app.close();
    },
  );

  it('makes clients in constructors, before connections exist', async () => {
    const queue = harness.name();

    @Injectable()
    class Gateway {
      readonly client: AmqpClientProxy;

      constructor(amqp: AmqpService) {
        this.client = amqp.createClient({ queue });
      }
    }

    @Module({
      imports: [AmqpMicroservicesModule, AmqpModule.forRoot({ url: harness.url })],
      providers: [Gateway],
    })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: harness.lines });
    harness.onEnd(() => app.close());
    await lastValueFrom(app.get(Gateway).client.emit('told', 1));
    expect(await harness.ready(queue)).toBe(1);
  });
});
