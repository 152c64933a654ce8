import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Logger, Module, type INestMicroservice, type ModuleMetadata, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  Transport,
  type ClientProxy,
  type CustomTransportStrategy,
  type MicroserviceOptions,
  type RmqOptions,
} from '@nestjs/microservices';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { AmqpClientProxy, AmqpServer, type AmqpTransportOptions } from 'nest-amqp/microservices';
import { connect, type Channel, type Connection } from 'nest-amqp/client';
import { RetryPolicy } from '../../../src/settlement/retry/retry-policy.js';
import { sharedRabbit } from '../../support/shared-broker.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { Lines } from '../../support/lines.js';

/** The owner of a server or client: ours, or that of `Transport.RMQ`. */
export type Side = 'ours' | "Nest's";
export const SIDES: readonly Side[] = ['ours', "Nest's"];

/** Delays of the default policy, and of the tests' own policies. */
const LEVELS = [...new RetryPolicy('the service', undefined, 'broker').levels, 20];

type NestOptions = NonNullable<RmqOptions['options']>;

/**
 * The services and clients of one test, on the shared RabbitMQ. After the test they are closed, and all entities with a name
 * from `name()` are deleted.
 */
export class MicroHarness {
  lines = new Lines();
  channel!: Channel;
  connection!: Connection;
  private closers: (() => unknown)[] = [];
  private names: string[] = [];
  private readonly unhandled: unknown[] = [];

  get url(): string {
    return sharedRabbit().url;
  }

  /** Returns a unique name. */
  name(what = 'micro'): string {
    const name = `${what}-${randomUUID().slice(0, 8)}`;
    this.names.push(name);
    return name;
  }

  /** Starts a service; `options` are those besides the URL. */
  async serve(
    controllers: Type[] | ModuleMetadata,
    options: AmqpTransportOptions | AmqpServer,
    side: Side = 'ours',
  ): Promise<INestMicroservice> {
    const app = await this.create(Array.isArray(controllers) ? { controllers } : controllers, options, side);
    await app.listen();
    return app;
  }

  /** Creates a service that does not listen yet. */
  async create(
    host: ModuleMetadata,
    options: AmqpTransportOptions | AmqpServer,
    side: Side = 'ours',
  ): Promise<INestMicroservice> {
    @Module(host)
    class RootModule {}

    const app = await NestFactory.createMicroservice<MicroserviceOptions>(RootModule, {
      ...(side === 'ours' ? { strategy: this.strategy(options) } : this.nest(options as AmqpTransportOptions)),
      logger: this.lines,
      abortOnError: false,
    });
    this.onEnd(() => app.close());
    return app;
  }

  /** Creates a client; `options` are those besides the URL. */
  client(options: AmqpTransportOptions, side: Side = 'ours'): ClientProxy {
    const client =
      side === 'ours'
        ? new AmqpClientProxy({ urls: this.url, ...options })
        : ClientProxyFactory.create(this.nest(options) as RmqOptions);
    this.onEnd(() => client.close());
    return client;
  }

  /** Starts a proxy to the broker that can be cut. */
  async proxy(port = sharedRabbit().port): Promise<{ proxy: TcpProxy; url: string }> {
    const proxy = await TcpProxy.start(port);
    this.onEnd(() => proxy.close());
    const url = new URL(this.url);
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    return { proxy, url: url.href };
  }

  /** Runs a task after the test, the last one first. */
  onEnd(task: () => unknown): void {
    this.closers.push(task);
  }

  /** Resolves with the number of ready messages of a queue. */
  async ready(queue: string): Promise<number> {
    return (await this.channel.queueDeclare(queue, { passive: true })).messageCount;
  }

  /** @internal */
  async open(): Promise<void> {
    this.connection = await connect(this.url, { connectionName: 'a test' });
    this.channel = await this.connection.openChannel({ confirm: true });
  }

  /** @internal */
  begin(): void {
    this.lines = new Lines();
    Logger.overrideLogger(this.lines);
    process.on('unhandledRejection', this.onUnhandled);
  }

  /** @internal */
  async end(): Promise<void> {
    try {
      for (const close of this.closers.splice(0).reverse()) await close();
      for (const name of this.names.splice(0)) {
        for (const queue of [name, `${name}.parked`, ...LEVELS.map((ms) => `${name}.retry.${ms}`)]) {
          await this.channel.queueDelete(queue);
        }
        await this.channel.exchangeDelete(name);
      }
      expect(this.unhandled.splice(0)).toEqual([]);
    } finally {
      process.off('unhandledRejection', this.onUnhandled);
    }
  }

  private readonly onUnhandled = (reason: unknown): void => void this.unhandled.push(reason);

  private strategy(options: AmqpTransportOptions | AmqpServer): CustomTransportStrategy {
    return options instanceof AmqpServer ? options : new AmqpServer({ urls: this.url, gracePeriod: 500, ...options });
  }

  private nest(options: AmqpTransportOptions): RmqOptions {
    return { transport: Transport.RMQ, options: { urls: [this.url], ...(options as NestOptions) } };
  }
}

/** Creates the harness of a spec file; called at its top. */
export function useMicro(): MicroHarness {
  const harness = new MicroHarness();
  beforeAll(() => harness.open());
  afterAll(() => harness.connection.close());
  beforeEach(() => harness.begin());
  afterEach(() => harness.end());
  return harness;
}
