import 'reflect-metadata';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Controller, Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { ClientsModule, EventPattern, MessagePattern, Payload, type ClientProxy } from '@nestjs/microservices';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom } from 'rxjs';
import {
  AmqpConsumer,
  AmqpModule,
  AmqpStartupError,
  classicQueue,
  ConfirmingPublisher,
  fixed,
  getConfirmingPublisherToken,
  ParkingLot,
  type AmqpModuleOptions,
  type AmqpOptionsFactory,
  type MessageSerializer,
} from 'nest-amqp';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { ConnectionLostError, type Connection, type ConnectMessage } from 'nest-amqp/client';
import { AmqpClientProxy, AmqpMicroservicesModule, AmqpServer, AmqpService } from 'nest-amqp/microservices';
import { AmqpHarness, AmqpTestingModule, type HarnessOptions } from 'nest-amqp/testing';
import { AmqpConnections } from '../../src/connection/amqp-connections.js';

const nowhere = 'amqp://nobody:secret@127.0.0.1:1';
const topology = { queues: [classicQueue('work')] };

@Injectable()
class Worker {
  readonly done: unknown[] = [];
  fail = false;

  @AmqpConsumer('work', { retry: { attempts: 2, backoff: fixed('1m') } })
  onWork(payload: unknown): void {
    if (this.fail) throw new Error('not today');
    this.done.push(payload);
  }
}

@Injectable()
class OptionsFactory implements AmqpOptionsFactory {
  createAmqpOptions(): AmqpModuleOptions {
    return { url: [nowhere, `${nowhere}1`], topology };
  }
}

describe('AmqpTestingModule', () => {
  const modules: TestingModule[] = [];
  const harnesses: AmqpHarness[] = [];

  const start = async (metadata: ModuleMetadata, given?: AmqpHarness | HarnessOptions): Promise<TestingModule> => {
    const imports = [...(metadata.imports ?? []), AmqpTestingModule.forRoot(given)];
    const module = await Test.createTestingModule({ ...metadata, imports }).compile();
    modules.push(module);
    module.useLogger(false);
    return module.init();
  };
  const startHarness = async (options?: HarnessOptions): Promise<AmqpHarness> => {
    const harness = await AmqpHarness.start(options);
    harnesses.push(harness);
    return harness;
  };

  afterEach(async () => {
    await Promise.all(modules.splice(0).map((module) => module.close()));
    await Promise.all(harnesses.splice(0).map((harness) => harness.close()));
  });

  describe('redirects the connections of', () => {
    it.each([
      ['forRoot with a URL', AmqpModule.forRoot({ url: nowhere, topology })],
      ['forRoot without one', AmqpModule.forRoot({ url: '', topology })],
      ['forRoot with a function', AmqpModule.forRoot({ url: () => Promise.reject(new Error('no DNS')), topology })],
      [
        'forRootAsync with a factory',
        AmqpModule.forRootAsync({ useFactory: async () => ({ url: nowhere, topology }) }),
      ],
      ['forRootAsync with a class', AmqpModule.forRootAsync({ useClass: OptionsFactory })],
      [
        'options with TLS and a login',
        AmqpModule.forRoot({
          url: 'amqps://127.0.0.1:1',
          topology,
          connection: { tls: { ca: 'none' }, credentials: { username: 'x', password: 'y' }, heartbeat: 5 },
        }),
      ],
    ])('%s', async (_, amqp) => {
      const module = await start({ imports: [amqp], providers: [Worker] });
      expect(await module.get(AmqpHarness).deliver('work', 'hello')).toMatchObject({ result: 'acked' });
      expect(module.get(Worker).done).toEqual(['hello']);
    });

    it('several names, each in the virtual host of its URL', async () => {
      @Injectable()
      class Both {
        readonly done: string[] = [];

        @AmqpConsumer('work')
        onFirst(payload: string): void {
          this.done.push(`default: ${payload}`);
        }

        @AmqpConsumer('work', { connection: 'billing' })
        onSecond(payload: string): void {
          this.done.push(`billing: ${payload}`);
        }
      }
      const module = await start({
        imports: [
          AmqpModule.forRoot({ url: nowhere, topology }),
          AmqpModule.forRootAsync({ name: 'billing', useFactory: () => ({ url: `${nowhere}/billing`, topology }) }),
        ],
        providers: [Both],
      });
      const harness = module.get(AmqpHarness);
      await harness.deliver('work', 'a');
      await harness.deliver('work', 'b', { connection: 'billing' });
      expect(module.get(Both).done).toEqual(['default: a', 'billing: b']);
      await module.get<ConfirmingPublisher>(getConfirmingPublisherToken('billing')).sendToQueue('work', 'c');
      expect(harness.published({ vhost: 'billing' })).toMatchObject([{ payload: 'c' }]);
      expect(harness.published({ vhost: '/' })).toEqual([]);
    });

    it('two brokers with the same virtual host, separated by an option of the test', async () => {
      const names = [AmqpModule.forRoot({ url: nowhere, topology }), AmqpModule.forRoot({ name: 'old', url: nowhere })];
      const module = await start({ imports: names, providers: [Worker] }, { vhosts: { old: 'another' } });
      await expect(
        module.get<ConfirmingPublisher>(getConfirmingPublisherToken('old')).sendToQueue('work', 'x'),
      ).rejects.toMatchObject({ name: 'MessageReturnedError' });
    });
  });

  it('reads parked messages on its own connection, whose loss affects no other', async () => {
    const module = await start({ imports: [AmqpModule.forRoot({ url: nowhere, topology })], providers: [Worker] });
    const { broker } = module.get(AmqpHarness);
    module.get(Worker).fail = true;
    await module.get(AmqpHarness).deliver('work', 'hello');
    await module.get(AmqpHarness).advance('1m');
    const lot = module.get(ParkingLot);
    expect(await lot.list('work')).toHaveLength(1);
    const states: string[] = [];
    module.get(ConfirmingPublisher).state$.subscribe((state) => states.push(state));
    const drop = (connected: unknown): void => {
      const name = (connected as ConnectMessage).connectionName;
      if (name?.includes('parking lot')) broker.faults.drop('close', { name });
    };
    subscribe('nest-amqp:connect', drop);
    try {
      await expect(lot.list('work')).rejects.toThrow(ConnectionLostError);
    } finally {
      unsubscribe('nest-amqp:connect', drop);
    }
    expect(states).toEqual(['open']);
    expect(await lot.list('work')).toHaveLength(1);
  });

  it('closes the connection that reads parked messages with all others', async () => {
    await using broker = await EmbeddedBroker.start({ port: 0 });
    const connections = new AmqpConnections('default', { url: broker.url });
    let scratch: Connection | undefined;
    const looking = new Promise<void>((resolve) => {
      const work = connections.withScratchConnection('parking lot', { place: 'a test' }, async (connection) => {
        scratch = connection;
        resolve();
        await connection.closed;
      });
      work.catch(() => {});
    });
    await looking;
    await connections.close(10_000);
    expect(scratch!.state).toBe('closed');
  });

  it("uses the application's serializers", async () => {
    const shout: MessageSerializer = {
      accepts: ({ mediaType }) => mediaType === 'text/x-loud',
      serialize: (payload) => Buffer.from(String(payload).toUpperCase()),
      deserialize: (body) => `${body.toString()}!`,
    };
    const amqp = AmqpModule.forRoot({ url: nowhere, topology, serializers: [shout] });
    const module = await start({ imports: [amqp], providers: [Worker] });
    await module.get(AmqpHarness).deliver('work', 'hello', { contentType: 'text/x-loud' });
    expect(module.get(Worker).done).toEqual(['HELLO!']);
    await module.get(ConfirmingPublisher).sendToQueue('work', 'bye', { contentType: 'text/x-loud' });
    expect(module.get(AmqpHarness).published()).toMatchObject([{ payload: 'BYE!' }]);
  });

  it('compresses a payload as its content encoding says, waits while it is decoded, and shows what was published', async () => {
    const amqp = AmqpModule.forRoot({ url: nowhere, topology, publishing: { compress: { encoding: 'br', from: 0 } } });
    const module = await start({ imports: [amqp], providers: [Worker] });
    const harness = module.get(AmqpHarness);
    const order = 'tea '.repeat(1_000);
    expect(await harness.deliver('work', order, { contentEncoding: 'gzip' })).toMatchObject({ result: 'acked' });
    expect(module.get(Worker).done).toEqual([order]);
    expect(await harness.deliver('work', Buffer.from('no gzip'), { contentEncoding: 'gzip' })).toMatchObject({
      result: 'parked',
    });
    await module.get(ConfirmingPublisher).sendToQueue('work', order);
    expect(harness.published()).toMatchObject([{ payload: order, properties: { contentEncoding: 'br' } }]);
  });

  it('without it an application connects as its options say', async () => {
    const amqp = AmqpModule.forRoot({ url: nowhere, startupTimeout: 50 });
    const module = await Test.createTestingModule({ imports: [amqp] }).compile();
    module.useLogger(false);
    await expect(module.init()).rejects.toThrow(AmqpStartupError);
  });

  it.each(['before', 'after'])(
    "imported %s the application's modules, closes the broker after the connections",
    async (place) => {
      const amqp = AmqpModule.forRoot({ url: nowhere, topology });
      const imports = [amqp, AmqpTestingModule.forRoot()];
      if (place === 'before') imports.reverse();
      const module = await Test.createTestingModule({ imports, providers: [Worker] }).compile();
      module.useLogger(false);
      await module.init();
      const { broker } = module.get(AmqpHarness);
      const { url } = broker;
      await module.close();
      expect(broker.journal.of('disconnected')).toHaveLength(2);
      // The broker has to end these connections itself, with 320 CONNECTION_FORCED.
      expect(broker.journal.of('failed')).toEqual([]);
      await expect(fetch(url.replace('amqp://guest:guest@', 'http://'))).rejects.toThrow('fetch failed');
    },
  );

  it('with a harness of the test, the broker outlives the application: the next one continues the retries', async () => {
    const harness = await startHarness();
    const amqp = { imports: [AmqpModule.forRoot({ url: nowhere, topology })], providers: [Worker] };
    const first = await start(amqp, harness);
    first.get(Worker).fail = true;
    expect(await harness.deliver('work', 'x', { delays: 'stop' })).toMatchObject({ result: 'waiting' });
    modules.pop();
    await first.close();
    const second = await start(amqp, harness);
    await harness.advance('1m');
    expect(second.get(Worker).done).toEqual(['x']);
  });

  it('two applications on one broker: one publishes, the other consumes', async () => {
    const harness = await startHarness();
    const worker = await start(
      { imports: [AmqpModule.forRoot({ url: nowhere, topology })], providers: [Worker] },
      harness,
    );
    const shop = await start({ imports: [AmqpModule.forRoot(nowhere)] }, harness);
    void shop.get(ConfirmingPublisher).sendToQueue('work', 'from the shop');
    await harness.idle();
    expect(worker.get(Worker).done).toEqual(['from the shop']);
  });

  describe('microservices', () => {
    @Controller()
    class Service {
      readonly events: unknown[] = [];

      @MessagePattern('double')
      double(@Payload() number: number): number {
        return 2 * number;
      }

      @EventPattern('created')
      onCreated(@Payload() data: unknown): void {
        if (data === 'bad') throw new Error('cannot');
        this.events.push(data);
      }
    }
    const retry = { attempts: 2, backoff: fixed('1m') };

    it('on the connections of the module', async () => {
      @Module({
        imports: [AmqpModule.forRoot(nowhere), AmqpMicroservicesModule],
        controllers: [Service],
      })
      class AppModule {}
      const module = await Test.createTestingModule({ imports: [AppModule, AmqpTestingModule.forRoot()] }).compile();
      module.useLogger(false);
      const app = module.createNestApplication();
      app.connectMicroservice({
        strategy: app.get(AmqpService).createServer({ queue: 'service', noAck: false, retry }),
      });
      await app.init();
      await app.startAllMicroservices();
      const harness = app.get(AmqpHarness);
      const client = app.get(AmqpService).createClient({ queue: 'service' });
      expect(await firstValueFrom(client.send('double', 21))).toBe(42);
      expect(await harness.deliver('service', { pattern: 'created', data: 1 })).toMatchObject({ result: 'acked' });
      const bad = await harness.deliver('service', { pattern: 'created', data: 'bad' });
      expect(bad).toMatchObject({
        result: 'parked',
        attempts: 2,
        delays: [60_000],
        error: { name: 'Error', message: 'cannot' },
      });
      await app.close();
    });

    it('with separate connections, by the URL of the harness', async () => {
      const harness = await startHarness();
      const options = { urls: [harness.url], queue: 'service' };
      const module = await Test.createTestingModule({
        imports: [
          ClientsModule.register([
            { name: 'SERVICE', customClass: AmqpClientProxy, options: { ...options, urls: [nowhere] } },
          ]),
        ],
        controllers: [Service],
      })
        .overrideProvider('SERVICE')
        .useValue(new AmqpClientProxy(options))
        .compile();
      module.useLogger(false);
      const app = module.createNestMicroservice({ strategy: new AmqpServer({ ...options, noAck: false, retry }) });
      await app.listen();
      const client = app.get<ClientProxy>('SERVICE');
      expect(await firstValueFrom(client.send('double', 4))).toBe(8);
      expect(await harness.deliver('service', { pattern: 'created', data: 'bad' })).toMatchObject({
        result: 'parked',
        attempts: 2,
        errors: [{ message: 'cannot' }, { message: 'cannot' }],
      });
      await client.close();
      await app.close();
    });
  });
});
