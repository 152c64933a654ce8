import 'reflect-metadata';
import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import {
  Controller,
  Global,
  Injectable,
  Module,
  ParseIntPipe,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type INestApplicationContext,
  type ModuleMetadata,
  type NestInterceptor,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom, Subject, tap, type Observable } from 'rxjs';
import {
  AmqpConsumer,
  AmqpContext,
  AmqpModule,
  bindQueue,
  classicQueue,
  ConfirmingPublisher,
  ConsumerStartError,
  Ctx,
  fanoutExchange,
  Payload,
  quorumQueue,
  topicExchange,
  TopologyError,
  type AmqpModuleOptions,
  type AmqpOptionsFactory,
  type TopologyOptions,
} from 'nest-amqp';
import { connect, MessageReturnedError, NotFoundError, type Channel, type Connection } from 'nest-amqp/client';
import { Lines } from './support/lines.js';
import { Inbox } from './support/inbox.js';
import { sharedRabbit } from './support/shared-broker.js';

const rabbit = sharedRabbit();

describe('AmqpModule with RabbitMQ', () => {
  let connection: Connection;
  let channel: Channel;
  let lines: Lines;
  /** Names of the current test; the entities are deleted after it. */
  let exchange: string;
  let queue: string;
  let other: string;
  let apps: INestApplicationContext[];

  beforeAll(async () => {
    connection = await connect(rabbit.url, { connectionName: 'nest-module.spec' });
    channel = await connection.openChannel({ confirm: true });
  });
  afterAll(() => connection.close());

  beforeEach(() => {
    lines = new Lines();
    apps = [];
    const id = randomUUID().slice(0, 8);
    exchange = `orders-${id}`;
    queue = `billing-${id}`;
    other = `audit-${id}`;
  });
  afterEach(async () => {
    await Promise.all(apps.map(close));
    await Promise.all([channel.queueDelete(queue), channel.queueDelete(other), channel.exchangeDelete(exchange)]);
  });

  /** The topology of the tests: an exchange, and a queue for `order.*`. */
  const topology = (): TopologyOptions => ({
    exchanges: [topicExchange(exchange)],
    queues: [classicQueue(queue)],
    bindings: [bindQueue(queue, exchange, 'order.*')],
  });

  /** Creates an application; `amqp` are the options besides the URL. */
  async function create(
    host: ModuleMetadata,
    amqp: Partial<AmqpModuleOptions> = { topology: topology() },
  ): Promise<INestApplicationContext> {
    const { imports = [AmqpModule.forRoot({ url: rabbit.url, ...amqp })], ...rest } = host;

    @Module({ imports, ...rest })
    class RootModule {}

    const app = await NestFactory.createApplicationContext(RootModule, { logger: lines, abortOnError: false });
    apps.push(app);
    return app;
  }

  /** Closes an application once: Nest 11 runs the hooks again on a second close. */
  function close(app: INestApplicationContext): Promise<void> {
    apps = apps.filter((other) => other !== app);
    return app.close();
  }

  const publisherOf = (app: INestApplicationContext): ConfirmingPublisher =>
    app.get(ConfirmingPublisher, { strict: false });

  /** Returns the number of ready messages, once no consumer is active. */
  const ready = async (name: string): Promise<number> =>
    (await channel.queueDeclare(name, { passive: true })).messageCount;

  describe('publishing and consuming', () => {
    it('delivers an order that was published with a confirm to a provider and to a controller', async () => {
      const atProvider = new Inbox<[unknown, AmqpContext]>();
      const atController = new Inbox<[unknown, AmqpContext]>();

      @Injectable()
      class Billing {
        @AmqpConsumer(queue, { prefetch: 2 })
        onOrder(@Payload() order: unknown, @Ctx() context: AmqpContext): void {
          atProvider.add([order, context]);
        }
      }

      @Controller()
      class Audit {
        @AmqpConsumer(other)
        onAnything(order: unknown, context: AmqpContext): void {
          atController.add([order, context]);
        }
      }

      const app = await create(
        { providers: [Billing], controllers: [Audit] },
        {
          topology: {
            exchanges: [topicExchange(exchange)],
            queues: [quorumQueue(queue), classicQueue(other)],
            bindings: [bindQueue(queue, exchange, 'order.created'), bindQueue(other, exchange, '#')],
          },
        },
      );
      const publisher = publisherOf(app);
      const confirmed = firstValueFrom(publisher.confirms$);
      const receipt = await publisher.publish(exchange, 'order.created', { id: 7 }, { headers: { tenant: 'acme' } });

      expect(receipt).toEqual({
        messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        deliveryTag: 1,
        exchange,
        routingKey: 'order.created',
        timeToConfirm: expect.any(Number),
      });
      expect(receipt.timeToConfirm).toBeGreaterThan(0);
      expect(await confirmed).toEqual(receipt);
      const [order, context] = await atProvider.next();
      expect(order).toEqual({ id: 7 });
      expect(context).toBeInstanceOf(AmqpContext);
      expect(context.queue).toBe(queue);
      expect(context.headers).toEqual({ tenant: 'acme' });
      expect(context.properties).toMatchObject({
        messageId: receipt.messageId,
        contentType: 'application/json',
        deliveryMode: 2,
      });
      expect(context.delivery).toMatchObject({ exchange, routingKey: 'order.created', redelivered: false });
      expect(await atController.next()).toMatchObject([{ id: 7 }, { queue: other }]);
    });

    it('sends text, bytes and JSON to a queue, with the given properties', async () => {
      const inbox = new Inbox<[unknown, AmqpContext]>();

      @Injectable()
      class Billing {
        @AmqpConsumer(queue, { concurrency: 1 })
        onMessage(payload: unknown, context: AmqpContext): void {
          inbox.add([payload, context]);
        }
      }

      const publisher = publisherOf(await create({ providers: [Billing] }));
      await publisher.sendToQueue(queue, 'grün');
      await publisher.sendToQueue(queue, Buffer.from([0, 255]), { persistent: false });
      const receipt = await publisher.sendToQueue(queue, [1], { messageId: 'mine', priority: 3, type: 'numbers' });

      expect(receipt).toMatchObject({ messageId: 'mine', deliveryTag: 3, exchange: '', routingKey: queue });
      expect((await inbox.next())[0]).toBe('grün');
      const [bytes, transient] = await inbox.next();
      expect(bytes).toEqual(Buffer.from([0, 255]));
      expect(transient.properties).toMatchObject({ contentType: 'application/octet-stream', deliveryMode: 1 });
      const [numbers, { properties }] = await inbox.next();
      expect(numbers).toEqual([1]);
      expect(properties).toMatchObject({ messageId: 'mine', priority: 3, type: 'numbers', deliveryMode: 2 });
    });

    it('rejects an unroutable message with its return, and emits an event', async () => {
      const publisher = publisherOf(await create({}));
      const returned = firstValueFrom(publisher.returns$);
      const [lost, found] = await Promise.allSettled([
        publisher.publish(exchange, 'nobody.is.bound', { id: 1 }, { messageId: 'lost' }),
        publisher.publish(exchange, 'order.created', { id: 2 }),
      ]);
      expect(lost.status === 'rejected' && (lost.reason as unknown)).toBeInstanceOf(MessageReturnedError);
      expect(lost).toMatchObject({ reason: { replyCode: 312, replyText: 'NO_ROUTE', routingKey: 'nobody.is.bound' } });
      expect(found.status).toBe('fulfilled');
      expect(await returned).toMatchObject({ replyText: 'NO_ROUTE', properties: { messageId: 'lost' } });
      await expect(publisher.publish(exchange, 'nobody', {}, { mandatory: false })).resolves.toBeDefined();
    });

    it('rejects a publish to a missing exchange without effect on consumers and later publishes', async () => {
      const inbox = new Inbox();

      @Injectable()
      class Billing {
        @AmqpConsumer(queue)
        onOrder(@Payload() order: unknown): void {
          inbox.add(order);
        }
      }

      const publisher = publisherOf(await create({ providers: [Billing] }));
      await expect(publisher.publish(`${exchange}-missing`, 'order.created', {})).rejects.toThrow(NotFoundError);
      await publisher.publish(exchange, 'order.created', 'still here');
      expect(await inbox.next()).toBe('still here');
      expect(lines.with('Lost the consumer')).toEqual([]);
    });

    it('limits unacknowledged messages and running handlers: prefetch and concurrency', async () => {
      const started = new Inbox<number>();
      const gates: Subject<void>[] = [];
      let running = 0;
      let most = 0;

      @Injectable()
      class Billing {
        @AmqpConsumer(queue, { prefetch: 3, concurrency: 2 })
        async onOrder(@Payload() order: number): Promise<void> {
          most = Math.max(most, ++running);
          const gate = new Subject<void>();
          gates.push(gate);
          started.add(order);
          await firstValueFrom(gate);
          running--;
        }
      }

      const publisher = publisherOf(await create({ providers: [Billing] }));
      for (let order = 0; order < 5; order++) await publisher.sendToQueue(queue, order);
      expect([await started.next(), await started.next()]).toEqual([0, 1]);
      // Two handlers run, a third message waits in the process, two are still with the broker.
      expect(await ready(queue)).toBe(2);
      gates[0]?.next();
      gates[1]?.next();
      expect([await started.next(), await started.next()]).toEqual([2, 3]);
      gates[2]?.next();
      expect(await started.next()).toBe(4);
      expect(most).toBe(2);
      for (const gate of gates) gate.next();
    });
  });

  describe('settlement', () => {
    const deadLetter = { attempts: 1, then: 'dead-letter' } as const;

    /** The queue dead-letters into `other`. */
    const deadLettering = (): Partial<AmqpModuleOptions> => ({
      topology: {
        exchanges: [fanoutExchange(exchange)],
        queues: [classicQueue(queue, { deadLetterExchange: exchange }), classicQueue(other)],
        bindings: [bindQueue(other, exchange)],
      },
    });

    /** Consumes the dead letters in the test itself. */
    async function deadLetters(): Promise<Inbox<{ body: string; reason: unknown }>> {
      const inbox = new Inbox<{ body: string; reason: unknown }>();
      await channel.basicConsume(
        other,
        (delivery) => {
          const [death] = (delivery.properties.headers?.['x-death'] ?? []) as { reason: unknown }[];
          inbox.add({ body: delivery.text(), reason: death?.reason });
        },
        { noAck: true },
      );
      return inbox;
    }

    it('acknowledges when the handler has returned', async () => {
      const inbox = new Inbox();

      @Injectable()
      class Billing {
        @AmqpConsumer(queue)
        async onOrder(@Payload() order: unknown): Promise<void> {
          await Promise.resolve();
          inbox.add(order);
        }
      }

      const app = await create({ providers: [Billing] });
      await publisherOf(app).publish(exchange, 'order.created', 1);
      await inbox.next();
      await close(app);
      expect(await ready(queue)).toBe(0);
    });

    it('acknowledges when the Observable of the handler completes, not before', async () => {
      const started = new Inbox();
      const work = new Subject<number>();

      @Injectable()
      class Billing {
        @AmqpConsumer(queue, { prefetch: 1 })
        onOrder(@Payload() order: unknown): Observable<number> {
          started.add(order);
          return work;
        }
      }

      const app = await create({ providers: [Billing] });
      const publisher = publisherOf(app);
      await publisher.sendToQueue(queue, 'first');
      await publisher.sendToQueue(queue, 'second');
      expect(await started.next()).toBe('first');
      work.next(1);
      // With a prefetch of one, the second message arrives when the first is acknowledged.
      expect(await ready(queue)).toBe(1);
      work.complete();
      expect(await started.next()).toBe('second');
    });

    it('dead-letters a message once when its handler throws, and logs queue and message id but no payload', async () => {
      let calls = 0;

      @Injectable()
      class Billing {
        @AmqpConsumer(queue, { retry: deadLetter })
        onOrder(): void {
          calls++;
          throw new Error('no funds');
        }
      }

      const app = await create({ providers: [Billing] }, deadLettering());
      const dead = await deadLetters();
      await publisherOf(app).sendToQueue(queue, { card: '4111' }, { messageId: 'm-1' });
      expect(await dead.next()).toEqual({ body: '{"card":"4111"}', reason: 'rejected' });
      expect(calls).toBe(1);
      const [line, ...others] = lines.with('m-1').map((text) => text.split('\n')[0]);
      expect([line, others]).toEqual([
        `ERROR Message 'm-1' of queue '${queue}' failed in Billing.onOrder, attempt 1 of 1: Error: no funds; rejected`,
        [],
      ]);
      expect(lines.with('4111')).toEqual([]);
    });

    it('dead-letters an undecodable message without calling the handler; the next message is handled', async () => {
      const inbox = new Inbox();

      @Injectable()
      class Billing {
        @AmqpConsumer(queue, { prefetch: 1, retry: deadLetter })
        onOrder(@Payload() order: unknown): void {
          inbox.add(order);
        }
      }

      await create({ providers: [Billing] }, deadLettering());
      const dead = await deadLetters();
      await channel.publish('', queue, '{"card":"4111', { contentType: 'application/json', messageId: 'broken' });
      await channel.publish('', queue, '{"id":2}', { contentType: 'application/json' });
      expect(await dead.next()).toEqual({ body: '{"card":"4111', reason: 'rejected' });
      expect(await inbox.next()).toEqual({ id: 2 });
      expect(lines.with("Message 'broken'")).toHaveLength(1);
      expect(lines.with('4111')).toEqual([]);
    });

    it('passes guards, interceptors and pipes as rpc; refused messages are dead-lettered', async () => {
      const inbox = new Inbox();

      @Injectable()
      class TenantGuard implements CanActivate {
        canActivate(execution: ExecutionContext): boolean {
          const { headers } = execution.switchToRpc().getContext<AmqpContext>();
          return execution.getType() === 'rpc' && headers['tenant'] === 'acme';
        }
      }

      @Injectable()
      class Trace implements NestInterceptor {
        intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
          const payload = execution.switchToRpc().getData<{ id: string }>();
          return next
            .handle()
            .pipe(tap((result) => inbox.add(`${execution.getType()} ${payload.id} ${String(result)}`)));
        }
      }

      @Controller()
      @UseGuards(TenantGuard)
      class Billing {
        @AmqpConsumer(queue, { retry: deadLetter })
        @UseInterceptors(Trace)
        onOrder(@Payload('id', ParseIntPipe) id: number): number {
          return id + 1;
        }
      }

      const app = await create({ controllers: [Billing] }, deadLettering());
      const dead = await deadLetters();
      const publisher = publisherOf(app);
      const headers = { tenant: 'acme' };
      await publisher.sendToQueue(queue, { id: '1' }, { headers });
      expect(await inbox.next()).toBe('rpc 1 2');
      await publisher.sendToQueue(queue, { id: '2' });
      expect(await dead.next()).toEqual({ body: '{"id":"2"}', reason: 'rejected' });
      await publisher.sendToQueue(queue, { id: 'three' }, { headers });
      expect(await dead.next()).toEqual({ body: '{"id":"three"}', reason: 'rejected' });
      expect(inbox.all).toHaveLength(1);
    });
  });

  describe('start and shutdown', () => {
    it('drains before the dependencies of handlers are destroyed, and starts no new handler', async () => {
      const started = new Inbox<unknown>();
      const history: string[] = [];
      const gate = new Subject<void>();

      @Injectable()
      class Database implements OnModuleDestroy {
        open = true;

        onModuleDestroy(): void {
          history.push('database closed');
          this.open = false;
        }
      }

      @Module({ providers: [Database], exports: [Database] })
      class DatabaseModule {}

      @Injectable()
      class Billing implements OnModuleDestroy {
        constructor(
          private readonly database: Database,
          private readonly publisher: ConfirmingPublisher,
        ) {}

        @AmqpConsumer(queue, { prefetch: 1 })
        async onOrder(@Payload() order: string): Promise<void> {
          started.add(order);
          await firstValueFrom(gate);
          await this.publisher.sendToQueue(other, `billed ${order}`);
          history.push(`${order} done, database ${this.database.open ? 'open' : 'closed'}`);
        }

        async onModuleDestroy(): Promise<void> {
          await this.publisher.sendToQueue(other, 'goodbye');
          history.push('consumer destroyed');
        }

        // Runs after the HTTP server would be closed: its last requests may publish.
        async onApplicationShutdown(): Promise<void> {
          await this.publisher.sendToQueue(other, 'lights out');
        }
      }

      const app = await create({
        imports: [
          DatabaseModule,
          AmqpModule.forRoot({ url: rabbit.url, topology: { queues: [classicQueue(queue), classicQueue(other)] } }),
        ],
        providers: [Billing],
      });
      const publisher = publisherOf(app);
      await publisher.sendToQueue(queue, 'first');
      await publisher.sendToQueue(queue, 'second');
      expect(await started.next()).toBe('first');
      const closing = close(app);
      // Once the broker lists no consumer, cancel-ok is complete; the handler still runs.
      await untilNoConsumer();
      expect(history).toEqual([]);
      gate.next();
      await closing;

      expect(history).toEqual(['first done, database open', 'consumer destroyed', 'database closed']);
      expect(started.all).toEqual(['first']);
      expect(await ready(queue)).toBe(1);
      expect(await ready(other)).toBe(3);
      expect(lines.inbox.all.slice(-3)).toEqual([
        `LOG Stopped consuming queue '${queue}' in Billing.onOrder`,
        expect.stringMatching(/^LOG nest-amqp \((publishing|consuming)\): closed$/),
        expect.stringMatching(/^LOG nest-amqp \((publishing|consuming)\): closed$/),
      ]);
    });

    /** Polls the broker, which alone knows; each answer takes a round trip. */
    async function untilNoConsumer(): Promise<void> {
      while ((await channel.queueDeclare(queue, { passive: true })).consumerCount > 0);
    }

    it('drains before global modules are destroyed too', async () => {
      const started = new Inbox();
      const gate = new Subject<void>();
      const history: string[] = [];

      @Injectable()
      class Database implements OnModuleDestroy {
        onModuleDestroy(): void {
          history.push('database closed');
        }
      }

      @Global()
      @Module({ providers: [Database], exports: [Database] })
      class DatabaseModule {}

      @Injectable()
      class Billing {
        constructor(readonly database: Database) {}

        @AmqpConsumer(queue)
        async onOrder(): Promise<void> {
          started.add(1);
          await firstValueFrom(gate);
          history.push('handled');
        }
      }

      const amqp = AmqpModule.forRoot({ url: rabbit.url, topology: { queues: [classicQueue(queue)] } });
      const app = await create({ imports: [amqp, DatabaseModule], providers: [Billing] });
      await publisherOf(app).sendToQueue(queue, 1);
      await started.next();
      const closing = close(app);
      await untilNoConsumer();
      gate.next();
      await closing;
      expect(history).toEqual(['handled', 'database closed']);
    });

    it('can publish during its start, and consumes once all modules have started', async () => {
      const history = new Inbox<string>();

      @Injectable()
      class Billing implements OnModuleInit {
        constructor(private readonly publisher: ConfirmingPublisher) {}

        async onModuleInit(): Promise<void> {
          await this.publisher.publish(exchange, 'order.created', 1);
          history.add('initialised');
        }

        async onApplicationBootstrap(): Promise<void> {
          await this.publisher.publish(exchange, 'order.created', 2);
          history.add('bootstrapped');
        }

        @AmqpConsumer(queue)
        onOrder(@Payload() order: number): void {
          history.add(`order ${order}`);
        }
      }

      await create({ providers: [Billing] });
      const events = [await history.next(), await history.next(), await history.next(), await history.next()];
      expect(events).toEqual(['initialised', 'bootstrapped', 'order 1', 'order 2']);
    });

    it('logs one line for each connection and consumer, without the password', async () => {
      @Injectable()
      class Billing {
        @AmqpConsumer(queue, { prefetch: 4 })
        onOrder(): void {}
      }

      const url = new URL(rabbit.url);
      url.username ||= 'guest';
      url.password ||= 'guest';
      const connectionName = `billing-${randomUUID()}`;
      const amqp = AmqpModule.forRoot({ url: url.href, connectionName, topology: topology() });
      await create({ imports: [amqp], providers: [Billing] });
      const connected = expect.stringMatching(/: connected to (RabbitMQ|nest-amqp embedded broker) \S+ at \S+:\d+$/);
      expect(lines.with(connectionName)).toEqual([connected, connected]);
      expect(lines.with('Consuming')).toEqual([`LOG Consuming queue '${queue}' in Billing.onOrder, prefetch 4`]);
      expect(lines.with(url.password === 'guest' ? 'guest:' : url.password)).toEqual([]);
    });

    it('does not start when the topology differs from the broker; leaves the entities unchanged, and no connection open', async () => {
      await channel.queueDeclare(queue, { arguments: { 'x-max-length': 5 } });
      await channel.publish('', queue, 'kept');
      const starting = create({}, { topology: { queues: [classicQueue(queue, { maxLength: 6 })] } });
      await expect(starting).rejects.toThrow(TopologyError);
      await expect(starting).rejects.toThrow(`Cannot declare queue '${queue}': 406`);
      await expect(starting).rejects.toThrow(/'x-max-length'.*exists.*not changed/);
      expect(await ready(queue)).toBe(1);
      expect(lines.with(': closed')).toHaveLength(2);
    });

    it('does not start a consumer without its queue, and names the missing declaration', async () => {
      @Injectable()
      class Billing {
        @AmqpConsumer(queue)
        onOrder(): void {}
      }

      const starting = create({ providers: [Billing] }, {});
      await expect(starting).rejects.toThrow(ConsumerStartError);
      await expect(starting).rejects.toThrow(
        `Billing.onOrder cannot consume from queue '${queue}': 404 NOT_FOUND - no queue '${queue}'`,
      );
      await expect(starting).rejects.toThrow(`topology: { queues: [quorumQueue('${queue}')] }`);
      expect(lines.with(': closed')).toHaveLength(2);
    });
  });

  describe('configuration', () => {
    it('takes its options from a factory with dependencies', async () => {
      @Injectable()
      class Config {
        readonly url = rabbit.url;
      }

      @Module({ providers: [Config], exports: [Config] })
      class ConfigModule {}

      const amqp = AmqpModule.forRootAsync({
        imports: [ConfigModule],
        inject: [Config],
        useFactory: async (config: Config) => ({ url: config.url, topology: topology() }),
      });
      const publisher = publisherOf(await create({ imports: [amqp] }));
      await expect(publisher.publish(exchange, 'order.created', 1)).resolves.toMatchObject({ deliveryTag: 1 });
    });

    it('takes its options from a class', async () => {
      @Injectable()
      class Options implements AmqpOptionsFactory {
        createAmqpOptions(): AmqpModuleOptions {
          return { url: rabbit.url, topology: topology() };
        }
      }

      const publisher = publisherOf(await create({ imports: [AmqpModule.forRootAsync({ useClass: Options })] }));
      await expect(publisher.publish(exchange, 'order.created', 1)).resolves.toMatchObject({ deliveryTag: 1 });
    });

    it('keeps two applications in one process apart', async () => {
      const first = new Inbox();
      const second = new Inbox();

      @Injectable()
      class First {
        @AmqpConsumer(queue)
        onOrder(@Payload() order: unknown): void {
          first.add(order);
        }
      }

      @Injectable()
      class Second {
        @AmqpConsumer(other)
        onOrder(@Payload() order: unknown): void {
          second.add(order);
        }
      }

      const queues = (name: string): Partial<AmqpModuleOptions> => ({ topology: { queues: [classicQueue(name)] } });
      const one = await create({ providers: [First] }, queues(queue));
      const two = await create({ providers: [Second] }, queues(other));
      await publisherOf(one).sendToQueue(other, 'from one');
      await publisherOf(two).sendToQueue(queue, 'from two');
      expect(await first.next()).toBe('from two');
      expect(await second.next()).toBe('from one');

      await close(one);
      await publisherOf(two).sendToQueue(other, 'alone');
      expect(await second.next()).toBe('alone');
      await expect(publisherOf(one).sendToQueue(other, 'late')).rejects.toThrow('shutting down');
      expect(first.all).toHaveLength(1);
    });
  });
});
