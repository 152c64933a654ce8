import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Module, type INestApplicationContext, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { AmqpModule, ConfirmingPublisher, type AmqpModuleOptions } from 'nest-amqp';
import { connect, type Channel, type Connection } from 'nest-amqp/client';
import { sharedRabbit, type SharedRabbit } from '../../support/shared-broker.js';
import { Lines } from '../../support/lines.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

export interface NestHarness {
  readonly rabbit: SharedRabbit;
  /** The test's own connection to the broker. */
  readonly connection: Connection;
  readonly channel: Channel;
  /** The log lines of all applications of this test. */
  readonly lines: Lines;
  /** Returns a unique name; queue and exchange of that name are deleted after the test. */
  name(prefix?: string): string;
  /** Deletes further queues after the test. */
  sweep(...queues: string[]): void;
  /** Starts an application that is closed after the test. `amqp` are the options besides the URL; ignored with `imports`. */
  start(host: ModuleMetadata, amqp?: Partial<AmqpModuleOptions>): Promise<INestApplicationContext>;
  /** Closes the application after the test, unless {@link close} has closed it. */
  adopt<App extends INestApplicationContext>(app: App): App;
  close(app: INestApplicationContext): Promise<void>;
  /** Starts a proxy to the broker that can be cut. */
  proxy(): Promise<{ proxy: TcpProxy; url: string }>;
  /** Resolves with the number of ready messages of a queue. */
  ready(queue: string): Promise<number>;
}

export const publisherOf = (app: INestApplicationContext): ConfirmingPublisher =>
  app.get(ConfirmingPublisher, { strict: false });

/** Creates the harness: applications on the shared RabbitMQ, whose entities are deleted after the test. */
export function useNest(): NestHarness {
  const rabbit = sharedRabbit();
  let connection: Connection;
  let channel: Channel;
  let lines: Lines;
  let apps: INestApplicationContext[] = [];
  let names: string[] = [];
  const proxies: TcpProxy[] = [];

  beforeAll(async () => {
    connection = await connect(rabbit.url, { connectionName: 'a test' });
    channel = await connection.openChannel({ confirm: true });
  });
  afterAll(() => connection.close());
  beforeEach(() => {
    lines = new Lines();
  });
  afterEach(async () => {
    for (const proxy of proxies) proxy.resume();
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
    await Promise.all(names.flatMap((name) => [channel.queueDelete(name), channel.exchangeDelete(name)]));
    names = [];
  });

  const adopt = <App extends INestApplicationContext>(app: App): App => {
    apps.push(app);
    return app;
  };

  return {
    rabbit,
    get connection() {
      return connection;
    },
    get channel() {
      return channel;
    },
    get lines() {
      return lines;
    },
    name(prefix = 'test') {
      const name = `${prefix}-${randomUUID().slice(0, 8)}`;
      names.push(name);
      return name;
    },
    sweep(...queues) {
      names.push(...queues);
    },
    adopt,
    async start(host, amqp = {}) {
      const { imports = [AmqpModule.forRoot({ url: rabbit.url, ...amqp })], ...rest } = host;

      @Module({ imports, ...rest })
      class RootModule {}

      return adopt(await NestFactory.createApplicationContext(RootModule, { logger: lines, abortOnError: false }));
    },
    close(app) {
      // Each application is closed once: Nest 11 runs the hooks again on a second close.
      apps = apps.filter((other) => other !== app);
      return app.close();
    },
    async proxy() {
      const proxy = await TcpProxy.start(rabbit.port);
      proxies.push(proxy);
      const url = new URL(rabbit.url);
      url.hostname = '127.0.0.1';
      url.port = String(proxy.port);
      return { proxy, url: url.href };
    },
    ready: async (queue) => (await channel.queueDeclare(queue, { passive: true })).messageCount,
  };
}
