import { Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { ConfigurationError } from '../../lib/client/index.js';
import { describeValue } from '../common/described-value.js';
import { namesOf } from '../../lib/option-names/index.js';
import { checkValues, expectValue, NAME, type ValueCheck } from '../common/option-values.js';
import { refuseUnknown } from '../common/known-options.js';
import { AmqpConsumersModule } from './amqp-consumers.module.js';
import type { ASYNC_OPTIONS_TYPE } from './amqp-core.module-definition.js';
import { AmqpCoreModule } from './amqp-core.module.js';
import { checkedAsyncOptions } from './async-options.js';
import type { AmqpModuleOptions, ConnectionNameOptions } from '../registry/amqp-module.options.js';
import { ConnectionRegistry } from '../registry/connection-registry.js';
import { EventContract } from '../contracts/event-contract.js';
import { RpcContract } from '../contracts/rpc-contract.js';
import { ExchangePublisher } from '../publishers/exchange.publisher.js';
import {
  checkDefaults,
  checkedPublisherOptions,
  PUBLISHER_OPTIONS,
  type PublisherDefinition,
  type PublisherOptions,
} from '../publishers/publisher-options.js';
import { providePublisher } from '../publishers/publisher.tokens.js';

/**
 * Connects a Nest application to RabbitMQ. Import it in the root module, once for each broker or virtual host. After
 * that, {@link ConfirmingPublisher} can be injected and {@link AmqpConsumer} works in every module.
 *
 * At the start, the module connects, declares the topology, and starts the consumers last. At the stop, the consumers
 * stop first and let running handlers finish; the connections are closed last.
 *
 * @example
 * ```ts
 * @Module({ imports: [AmqpModule.forRoot('amqp://localhost')] })
 * export class AppModule {}
 * ```
 *
 * @example Several connections:
 * ```ts
 * imports: [AmqpModule.forRoot('amqp://localhost'), AmqpModule.forRoot({ name: 'billing', url: 'amqp://localhost/billing' })]
 * ```
 *
 * @publicApi
 */
@Module({})
export class AmqpModule {
  /**
   * Takes the options, or only the URL of the broker. @throws ConfigurationError for an unknown option or an invalid
   * value
   */
  static forRoot(options: (AmqpModuleOptions & ConnectionNameOptions) | string): DynamicModule {
    // An environment variable that is not set arrives as undefined: an empty URL, which the start refuses with its reason.
    const given = (options as typeof options | undefined) ?? '';
    const named: AmqpModuleOptions & ConnectionNameOptions = typeof given === 'string' ? { url: given } : given;
    checkValues('AmqpModule.forRoot()', named, { name: NAME });
    return facade(AmqpCoreModule.forRoot(named));
  }

  /**
   * Takes options from a factory: `useFactory` with `inject`, or `useClass` or `useExisting` with an {@link
   * AmqpOptionsFactory}; `imports` lists the modules that the factory needs.
   *
   * @example
   * ```ts
   * AmqpModule.forRootAsync({
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => ({ url: config.getOrThrow('AMQP_URL') }),
   * })
   * ```
   *
   * @throws ConfigurationError for an unknown option or an invalid value, and if nothing provides the options, or two
   */
  static forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    const { options: checked, providers } = checkedAsyncOptions(options);
    const core = AmqpCoreModule.forRootAsync(checked);
    return facade({ ...core, providers: [...(core.providers ?? []), ...providers] });
  }

  /**
   * Provides publishers, each for one exchange, in the module that imports it. Inject them with {@link
   * InjectPublisher}.
   *
   * @example
   * ```ts
   * AmqpModule.forFeature([{ publisher: 'orders', exchange: 'orders' }])
   * ```
   *
   * @throws ConfigurationError if `publishers` is not an array of objects, or two have the same name
   */
  static forFeature(publishers: readonly PublisherDefinition[]): DynamicModule {
    expectPublishers(publishers);
    expectDifferentNames(publishers);
    const providers = publishers.map(exchangePublisher);
    return { module: AmqpModule, providers, exports: providers };
  }
}

function expectPublishers(given: unknown): void {
  const wrong = Array.isArray(given) ? given.findIndex((one) => one !== Object(one)) : 0;
  if (wrong < 0) return;
  const found = Array.isArray(given)
    ? `element ${wrong} is ${describeValue(given[wrong])}`
    : `it is ${describeValue(given)}`;
  throw new ConfigurationError(
    "AmqpModule.forFeature() needs an array of publishers, as in forFeature([{ publisher: 'orders', exchange: " +
      `'orders' }]); ${found}`,
  );
}

/** Nest would provide one of two publishers with the same name, and silently drop the other. */
function expectDifferentNames(publishers: readonly PublisherDefinition[]): void {
  const names = publishers.map(({ publisher }) => publisher);
  const double = names.find((name, index) => names.indexOf(name) !== index);
  if (double === undefined) return;
  throw new ConfigurationError(
    `AmqpModule.forFeature() has two publishers with the name '${double}'. Give each its own name; one publisher can ` +
      'publish with any routing key.',
  );
}

function facade(core: DynamicModule): DynamicModule {
  return { module: AmqpModule, imports: [core, AmqpConsumersModule] };
}

const EXCHANGE: ValueCheck = {
  fits: (value) => typeof value === 'string' || value instanceof EventContract || value instanceof RpcContract,
  expected:
    'a string, or a contract that this copy of nest-amqp has made (a package of contracts has nest-amqp among its peerDependencies)',
};

function exchangePublisher(definition: PublisherDefinition): FactoryProvider<ExchangePublisher> {
  const { publisher, exchange, connection, defaults = {}, ...options } = definition;
  const asker = `AmqpModule.forFeature([{ publisher: '${publisher}' }])`;
  return {
    provide: providePublisher(publisher),
    useFactory: (connections: ConnectionRegistry | undefined) => {
      refuseUnknown(asker, definition, DEFINITION);
      expectValue(`${asker}: publisher`, publisher, NAME);
      expectValue(`${asker}: exchange`, exchange, EXCHANGE);
      checkDefaults(`${asker}: defaults`, defaults);
      if (!connections) {
        throw new ConfigurationError(
          `${asker} has no connection: import AmqpModule.forRoot({ url }) in the root module.`,
        );
      }
      connections.expect(connection, asker);
      const checked = checkedPublisherOptions(asker, options);
      return new ExchangePublisher(definition, () => connections.get(connection).createPublisher(checked));
    },
    inject: [{ token: ConnectionRegistry, optional: true }],
  };
}

const DEFINITION = [
  ...namesOf({ publisher: 0, exchange: 0, connection: 0, defaults: 0 } satisfies Record<
    Exclude<keyof PublisherDefinition, keyof PublisherOptions>,
    0
  >),
  ...PUBLISHER_OPTIONS,
];
