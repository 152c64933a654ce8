import { Injectable, Module, type DynamicModule } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../lib/client/index.js';
import { AmqpConsumer } from '../consumers/decorators/amqp-consumer.decorator.js';
import { OnReturn } from '../consumers/decorators/listener.decorators.js';
import { ConfirmingPublisher } from '../publishers/confirming.publisher.js';
import type { ExchangePublisher } from '../publishers/exchange.publisher.js';
import { InjectConfirmingPublisher, InjectPublisher } from '../publishers/publisher.tokens.js';
import { bindQueue } from '../topology/bindings.js';
import { topicExchange } from '../topology/exchanges.js';
import { classicQueue, quorumQueue, serverNamedQueue, streamQueue } from '../topology/queues.js';
import { AmqpModule } from './amqp.module.js';

/** Nobody listens on port 1. */
const url = 'amqp://guest:guest@127.0.0.1:1';

type Given = Record<string, unknown>;

const compile = (...imports: DynamicModule[]): Promise<TestingModule> =>
  Test.createTestingModule({ imports }).compile();

const forRoot = (options: Given): DynamicModule => AmqpModule.forRoot({ url, ...options } as never);

describe('an option that does not exist', () => {
  it.each<[string, Given, string]>([
    ['of the module', { prefetchCount: 3 }, "AmqpModule.forRoot(): unknown option 'prefetchCount'; did you mean 'prefetch'?"],
    ['of the topology', { topology: { queue: [] } }, "AmqpModule.forRoot(): topology: unknown option 'queue'; did you mean 'queues'?"],
    ['of publishing', { publishing: { maxInflight: 1 } }, "AmqpModule.forRoot(): publishing: unknown option 'maxInflight'; did you mean 'maxInFlight'?"],
  ])('%s fails the start with its place, a guess and all names', async (_, options, message) => {
    const asked = AmqpModule.forRootAsync({ useFactory: () => ({ url, ...options }) });
    for (const [module, text] of [[forRoot(options), message], [asked, message.replace('forRoot()', 'forRootAsync()')]] as const) {
      const compiling = compile(module);
      await expect(compiling).rejects.toThrow(ConfigurationError);
      await expect(compiling).rejects.toThrow(text);
      await expect(compiling).rejects.toThrow(/Known are: .*,/);
    }
  }); // prettier-ignore

  it('a list where an object belongs fails the start', async () => {
    await expect(compile(forRoot({ topology: [classicQueue('a')] }))).rejects.toThrow(
      'AmqpModule.forRoot(): topology: expected an object with options, got an array; known are: ',
    );
  });

  it('of forFeature fails the start', async () => {
    const feature = AmqpModule.forFeature([{ publisher: 'orders', exchange: 'orders', default: {} } as never]);
    await expect(compile(forRoot({}), feature)).rejects.toThrow(
      "AmqpModule.forFeature([{ publisher: 'orders' }]): unknown option 'default'; did you mean 'defaults'?",
    );
  });

  it.each<[string, () => unknown, string]>([
    ['classicQueue', () => classicQueue('a', { ttl: 5 } as never), "queue 'a': unknown option 'ttl'"],
    ['quorumQueue', () => quorumQueue('a', { exclusive: true } as never), "queue 'a': unknown option 'exclusive'"],
    ['streamQueue', () => streamQueue('a', { maxage: '7D' } as never), "did you mean 'maxAge'?"],
    ['serverNamedQueue', () => serverNamedQueue('a', { expire: 5 } as never), "did you mean 'expires'?"],
    ['topicExchange', () => topicExchange('a', { autodelete: true } as never), "did you mean 'autoDelete'?"],
    ['bindQueue', () => bindQueue('q', 'e', 'k', { headers: {} } as never), "binding of queue 'q': unknown option 'headers'"],
  ])('of %s() is refused where it is written', (_, build, message) => {
    expect(build).toThrow(ConfigurationError);
    expect(build).toThrow(message);
  }); // prettier-ignore

  it('of a publish is refused with the names of this layer, and nothing is sent', async () => {
    const app = await compile(forRoot({ startup: 'background' }));
    const publisher = app.get(ConfirmingPublisher, { strict: false });
    const publishing = publisher.publish('e', 'k', 1, { presistent: true } as never);
    await expect(publishing).rejects.toThrow("publish: unknown option 'presistent'; did you mean 'persistent'?");
    await expect(publishing).rejects.toThrow(ConfigurationError);
    await app.close();
  });
});

describe('a value that makes no sense', () => {
  it.each<[Given, string]>([
    [{ startup: 'backgroud' }, "AmqpModule.forRoot(): startup must be 'wait' or 'background'; it is a string, 'backgroud'"],
    [{ topology: { queues: {} } }, 'AmqpModule.forRoot(): topology: queues must be an array; it is an object'],
    [{ publishing: { whenUnavailable: 'error' } }, "publishing: whenUnavailable must be 'wait' or 'fail'; it is a string, 'error'"],
    [{ topology: { queues: ['billing'] } }, "topology: queues[0] must be made by a builder such as quorumQueue('billing'); it is a string, 'billing'"],
    [{ topology: { queues: [classicQueue('a'), null] } }, 'topology: queues[1] must be made by a builder such as quorumQueue'],
    [{ topology: { exchanges: [{ name: 'orders' }] } }, "exchanges[0] must be made by a builder such as topicExchange('orders'); it is an object without type"],
    [{ topology: { bindings: [{ queue: 'a', exchange: 'b' }] } }, "bindings[0] must be made by a builder such as bindQueue('billing', 'orders', 'order.*'); it is an object without destination"],
    [{ topology: { queues: [{ ...classicQueue('a'), durabel: false }] } }, "AmqpModule.forRoot(): topology: queues[0]: unknown option 'durabel'; did you mean 'durable'? Known are: name, durable, exclusive, autoDelete, arguments, serverNamed"],
    [{ topology: { exchanges: [{ ...topicExchange('a'), autodelete: true }] } }, "topology: exchanges[0]: unknown option 'autodelete'; did you mean 'autoDelete'?"],
    [{ topology: { bindings: [bindQueue('a', 'b'), { ...bindQueue('a', 'b'), args: {} }] } }, "topology: bindings[1]: unknown option 'args'"],
    [{ url: undefined, urls: [url] }, "AmqpModule.forRoot(): unknown option 'urls'; did you mean 'url'?"],
    [{ topology: { declare: 'asert' } }, "topology: declare must be 'assert' or 'verify' or 'none'; it is a string, 'asert'"],
    [{ serializers: {} }, 'serializers must be an array of serializers with the methods accepts, serialize, deserialize; it is an object'],
    [{ serializers: [{ accepts: () => true }] }, 'serializers must be an array of serializers'],
    [{ defaultContentType: 5 }, "defaultContentType must be a content type such as 'application/json'; it is the number 5"],
    [{ defaultContentType: 'json' }, "defaultContentType must be a content type such as 'application/json'; it is a string, 'json'"],
    [{ topology: { queues: [{ name: 'a' }] } }, "queues[0] must be made by a builder such as quorumQueue('billing'); it is an object without exclusive"],
    [{ topology: { queues: [topicExchange('a')] } }, "queues[0] must be made by a builder such as quorumQueue('billing')"],
    [{ connection: url }, 'AmqpModule.forRoot(): connection must be an object'],
    [{ connection: { urls: [url] } }, "AmqpModule.forRoot(): connection: 'urls' would have no effect: set url"],
    [{ connection: { logger: console } }, "connection: 'logger' would have no effect"],
    [{ startupTimeout: null }, 'startupTimeout must be milliseconds from 0'],
    [{ publishing: null }, 'publishing must be an object; it is null'],
    [{ publishing: { republishUnconfirmed: 'false' } }, 'publishing: republishUnconfirmed must be true or false'],
  ])('%j fails the start', async (options, message) => {
    await expect(compile(forRoot(options))).rejects.toThrow(ConfigurationError);
    await expect(compile(forRoot(options))).rejects.toThrow(message);
  }); // prettier-ignore

  it.each([undefined, null, ''])('%j as the URL fails the start with the probable reason', async (given) => {
    await expect(compile(AmqpModule.forRoot(given as never))).rejects.toThrow(
      /AmqpModule has no broker URL.*the variable is probably not set/,
    );
  });

  it.each<[string, () => unknown, string]>([
    ['forRootAsync() without options', () => AmqpModule.forRootAsync(undefined as never), 'AmqpModule.forRootAsync() needs useFactory, useClass or useExisting'],
    ['forRootAsync() without a factory', () => AmqpModule.forRootAsync({ url } as never), 'belong into AmqpModule.forRoot()'],
    ['forFeature() without publishers', () => AmqpModule.forFeature(undefined as never), 'AmqpModule.forFeature() needs an array of publishers'],
    ['forFeature() of one publisher', () => AmqpModule.forFeature({ publisher: 'orders', exchange: 'orders' } as never), 'it is an object'],
    ['forFeature() of names', () => AmqpModule.forFeature(['orders'] as never), "element 0 is a string, 'orders'"],
    ['a name twice', () => AmqpModule.forFeature([{ publisher: 'p', exchange: 'a' }, { publisher: 'p', exchange: 'b' }]), "two publishers with the name 'p'"],
    ['a connection named by a number', () => forRoot({ name: 5 }), 'AmqpModule.forRoot(): name must be a string that is not empty; it is the number 5'],
    ['a connection with an empty name', () => AmqpModule.forRootAsync({ name: '', useFactory: () => url }), 'AmqpModule.forRootAsync(): name must be'],
    ['an empty name of a queue', () => classicQueue(''), "the name of a queue must be a string that is not empty; it is a string, ''"],
    ['a queue without a name', () => quorumQueue(undefined as never), 'the name of a queue must be'],
    ['an exchange without a name', () => topicExchange(undefined as never), 'the name of an exchange must be'],
    ['a wrong overflow', () => classicQueue('a', { overflow: 'drop' as never }), "queue 'a': overflow must be 'drop-head' or 'reject-publish' or 'reject-publish-dlx'"],
    ['an overflow that quorum queues lack', () => quorumQueue('a', { overflow: 'reject-publish-dlx' as never }), "overflow must be 'drop-head' or 'reject-publish';"],
    ['a queue that expires at once', () => classicQueue('a', { expires: 0 }), "queue 'a': expires must be at least 1 ms; it is the number 0"],
    ['a wrong age', () => streamQueue('a', { maxAge: '7d' }), "maxAge must be a text such as '7D' or '12h'"],
    ['arguments in a Map', () => quorumQueue('a', { arguments: new Map([['x-message-ttl', 5]]) as never }), "queue 'a': arguments must be a plain object; it is a Map"],
    ['an argument beside its option', () => classicQueue('a', { messageTtl: 5, arguments: { 'x-message-ttl': 10 } }), "queue 'a': arguments['x-message-ttl'] contradicts the option messageTtl; remove one of them"],
    ['another type of queue', () => quorumQueue('a', { arguments: { 'x-queue-type': 'classic' } }), "queue 'a': arguments['x-queue-type'] contradicts the type of the queue"],
    ['a durable queue that its server names', () => serverNamedQueue('a', { durable: true } as never), "queue 'a': unknown option 'durable'"],
    ['a shared queue that its server names', () => serverNamedQueue('a', { exclusive: false } as never), "queue 'a': unknown option 'exclusive'"],
    ['a listener of one exchange', () => (OnReturn as (given: string) => MethodDecorator)('x'), "@OnReturn() takes no argument, but got a string, 'x'"],
    ['a wrong flag', () => classicQueue('a', { durable: 'false' as never }), "durable must be true or false; it is a string, 'false'"],
    ['arguments that are a list', () => topicExchange('a', { arguments: [] as never }), "exchange 'a': arguments must be a plain object; it is an array"],
    ['a binding whose key is left out', () => bindQueue('q', 'e', { arguments: {} } as never), "binding of queue 'q': routingKey must be a string; it is an object"],
    ['a binding without a queue', () => bindQueue(undefined as never, 'e'), 'queue must be a string; it is undefined'],
  ])('%s is refused where it is written', (_, use, message) => {
    expect(use).toThrow(ConfigurationError);
    expect(use).toThrow(message);
  }); // prettier-ignore

  it.each([
    [{ persistant: true }, "defaults: unknown option 'persistant'; did you mean 'persistent'?"],
    [{ messageId: 'always' }, "defaults: unknown option 'messageId'"],
    [{ mandatory: 'false' }, 'defaults: mandatory must be true or false'],
    [{ persistent: null }, 'defaults: persistent must be true or false; it is null'],
    [{ expiration: '10 s' }, "defaults: expiration must be milliseconds from 0, or text such as '10s'"],
    [{ priority: '5' }, "defaults: priority must be a whole number from 0 to 255; it is a string, '5'"],
    [{ headers: { CC: 'a' } }, 'defaults: headers must be an object whose CC and BCC'],
    [{ appId: 5 }, 'defaults: appId must be a string; it is the number 5'],
    [{ timestamp: 5 }, 'defaults: timestamp must be a Date'],
    [null, 'defaults: expected an object with options, got null'],
  ])('%j as defaults of a publisher fails the start', async (defaults, message) => {
    const feature = AmqpModule.forFeature([{ publisher: 'orders', exchange: 'orders', defaults } as never]);
    await expect(compile(forRoot({}), feature)).rejects.toThrow(`forFeature([{ publisher: 'orders' }]): ${message}`);
  });

  it.each([
    [null, 'publish: expected an object with options, got null'],
    ['5s', 'publish: expected an object with options, got string'],
    [{ signal: {} }, 'publish: signal must be an AbortSignal; it is an object'],
  ])('%j as options of a publish is refused', async (options, message) => {
    const app = await compile(forRoot({ startup: 'background' }));
    const publisher = app.get(ConfirmingPublisher, { strict: false });
    await expect(publisher.publish('e', 'k', 1, options as never)).rejects.toThrow(message);
    await expect(publisher.request('e', 'k', 1, options as never)).rejects.toThrow(ConfigurationError);
    await app.close();
  });

  it('a publisher with an empty name fails the start', async () => {
    const feature = AmqpModule.forFeature([{ publisher: '', exchange: 'orders' }]);
    await expect(compile(forRoot({}), feature)).rejects.toThrow('publisher must be a string that is not empty');
  });

  it('an argument may repeat its option', () => {
    const options = { messageTtl: 5, arguments: { 'x-message-ttl': 5, 'x-queue-type': 'quorum' } };
    expect(quorumQueue('a', options).arguments).toEqual({ 'x-queue-type': 'quorum', 'x-message-ttl': 5 });
  });

  it('of forFeature fails the start', async () => {
    const feature = AmqpModule.forFeature([{ publisher: 'orders' } as never]);
    await expect(compile(forRoot({}), feature)).rejects.toThrow(
      'exchange must be a string, or a contract that this copy of nest-amqp has made',
    );
  });
});

describe('forRootAsync()', () => {
  class Options {
    createAmqpOptions(): string {
      return url;
    }
  }
  class Others {}
  const useFactory = (): Given => ({ url });

  it.each<[string, Given, string]>([
    ['a misspelt name', { useFactory, nmae: 'billing' }, "unknown option 'nmae'; did you mean 'name'?"],
    ['misspelt dependencies', { useFactory, injects: [] }, "unknown option 'injects'; did you mean 'inject'?"],
    ['misspelt modules', { useFactory, import: [] }, "unknown option 'import'; did you mean 'imports'?"],
    ['an option of the connection', { useFactory, url }, "unknown option 'url'"],
    ['two sources', { useFactory, useClass: Options }, ' has useFactory and useClass, of which only one would have an effect'],
    ['a factory that is no function', { useFactory: 'x' }, ": useFactory must be a function; it is a string, 'x'"],
    ['a class that is none', { useClass: {} }, ': useClass must be a class with the method createAmqpOptions(); it is an object'],
    ['one dependency without its array', { useFactory, inject: Options }, ': inject must be an array; it is of type function'],
    ['one module without its array', { useFactory, imports: Options }, ': imports must be an array'],
  ])('refuses %s where it is written', (_, options, message) => {
    const use = (): unknown => AmqpModule.forRootAsync(options as never);
    expect(use).toThrow(ConfigurationError);
    expect(use).toThrow(`AmqpModule.forRootAsync()${message.startsWith('unknown') ? ': ' : ''}${message}`);
  }); // prettier-ignore

  it.each<[string, Given]>([
    ['useClass', { useClass: Others }],
    ['useExisting', { useExisting: Others, imports: [{ module: class Shared {}, providers: [Others], exports: [Others] }] }],
  ])('refuses a class of %s without the method', async (source, options) => {
    const compiling = compile(AmqpModule.forRootAsync(options as never));
    await expect(compiling).rejects.toThrow(ConfigurationError);
    await expect(compiling).rejects.toThrow(`AmqpModule.forRootAsync(): ${source}: Others has no method createAmqpOptions()`);
  }); // prettier-ignore

  it.each<[Given, string]>([
    [{ prefetch: 'x' }, ': prefetch must be'],
    [{ gracePeriod: 'soon' }, ': gracePeriod must be'],
    [{ startupTimeout: 'soon' }, ': startupTimeout must be'],
    [{ publishing: { timeout: 'soon' } }, ': publishing: timeout must be'],
    [{ connection: { heartbeat: 'x' } }, ': connection: '],
  ])('is the place of %j that its factory returns', async (options, message) => {
    const compiling = compile(AmqpModule.forRootAsync({ useFactory: () => ({ url, ...options }) as never }));
    const error: unknown = await compiling.then((module) => module.init()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toHaveProperty('message', expect.stringContaining(`AmqpModule.forRootAsync()${message}`));
  });
});

describe('an option of the connection', () => {
  it.each<[Given, string]>([
    [{ connection: { heartbeat: 'x' } }, 'AmqpModule.forRoot(): connection: heartbeat must be'],
    [{ connection: { hartbeat: 5 } }, "AmqpModule.forRoot(): connection: connect: unknown option 'hartbeat'"],
    [{ name: 'billing', connection: { heartbeat: 'x' } }, "AmqpModule.forRoot(): connection of 'billing': heartbeat must be"],
  ])('%j is refused with module and connection', async (options, message) => {
    const module = await compile(forRoot(options));
    const error: unknown = await module.init().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toHaveProperty('message', expect.stringContaining(message));
  }); // prettier-ignore
});

describe('a publisher that nobody provides', () => {
  @Injectable()
  class Orders {
    constructor(@InjectPublisher('ordres') readonly orders: ExchangePublisher) {}
  }

  @Injectable()
  class Bridge {
    constructor(@InjectConfirmingPublisher('biling') readonly publisher: ConfirmingPublisher) {}
  }

  it('fails the start with the names that there are', async () => {
    @Module({
      imports: [forRoot({}), AmqpModule.forFeature([{ publisher: 'orders', exchange: 'orders' }])],
      providers: [Orders],
    })
    class AppModule {}

    const compiling = Test.createTestingModule({ imports: [AppModule] }).compile();
    await expect(compiling).rejects.toThrow(/publisher 'ordres'; known are: .*'orders'.*AmqpModule\.forFeature/);
  });

  it('of a connection, likewise', async () => {
    @Module({ imports: [forRoot({}), forRoot({ name: 'billing' })], providers: [Bridge] })
    class AppModule {}

    const compiling = Test.createTestingModule({ imports: [AppModule] }).compile();
    await expect(compiling).rejects.toThrow(/connection 'biling'; known are: .*'billing'.*AmqpModule\.forRoot/);
  });

  it('has no connection without forRoot, which the error says', async () => {
    const feature = AmqpModule.forFeature([{ publisher: 'orders', exchange: 'orders' }]);
    await expect(compile(feature)).rejects.toThrow(
      "AmqpModule.forFeature([{ publisher: 'orders' }]) has no connection: import AmqpModule.forRoot({ url }) in the root module.",
    );
  });
});

describe('a static method', () => {
  it('cannot be a consumer or listener', () => {
    expect(() => {
      class Billing {
        @AmqpConsumer('billing')
        static onOrder(): void {}
      }
      return Billing;
    }).toThrow(/^Billing\.onOrder is static/);
    expect(() => {
      class Audit {
        @OnReturn()
        static onReturn(): void {}
      }
      return Audit;
    }).toThrow(/^Audit\.onReturn is static/);
  });
});
