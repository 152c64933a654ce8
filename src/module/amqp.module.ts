import { Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { AmqpConsumersModule } from './amqp-consumers.module.js';
import type { ASYNC_OPTIONS_TYPE } from './amqp-core.module-definition.js';
import { AmqpCoreModule } from './amqp-core.module.js';
import type { AmqpModuleOptions, ConnectionNameOptions } from '../registry/amqp-module.options.js';
import { ConnectionRegistry } from '../registry/connection-registry.js';
import { ExchangePublisher } from '../publishers/exchange.publisher.js';
import { checkedPublisherOptions, type PublisherDefinition } from '../publishers/publisher-options.js';
import { getPublisherToken } from '../publishers/publisher.tokens.js';

/**
 * Connects a Nest application to RabbitMQ. Import it in the root module, once for each broker or vhost;
 * {@link ConfirmingPublisher} can then be injected and {@link AmqpConsumer} works everywhere.
 *
 * When the application starts it connects, declares the topology, and starts the consumers last. When it stops, the
 * consumers stop first and finish what they are at; the connections are closed last.
 *
 * @example
 * ```ts
 * @Module({ imports: [AmqpModule.forRoot('amqp://localhost')] })
 * export class AppModule {}
 * ```
 *
 * @example Several, by name:
 * ```ts
 * imports: [AmqpModule.forRoot('amqp://localhost'), AmqpModule.forRoot({ name: 'billing', url: 'amqp://localhost/billing' })]
 * ```
 *
 * @publicApi
 */
@Module({})
export class AmqpModule {
  /** With the options, or just the broker's URL. */
  static forRoot(options: (AmqpModuleOptions & ConnectionNameOptions) | string): DynamicModule {
    return facade(AmqpCoreModule.forRoot(typeof options === 'string' ? { url: options } : options));
  }

  /**
   * With options that come from elsewhere: `useFactory` and `inject`, or `useClass` or `useExisting` with an
   * {@link AmqpOptionsFactory}; `imports` for what they need.
   *
   * @example
   * ```ts
   * AmqpModule.forRootAsync({
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => ({ url: config.getOrThrow('AMQP_URL') }),
   * })
   * ```
   */
  static forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return facade(AmqpCoreModule.forRootAsync(options));
  }

  /**
   * Publishers for one exchange each, in the module that uses them; inject them with {@link InjectPublisher}.
   *
   * @example
   * ```ts
   * AmqpModule.forFeature([{ publisher: 'orders', exchange: 'orders' }])
   * ```
   */
  static forFeature(publishers: readonly PublisherDefinition[]): DynamicModule {
    const providers = publishers.map(exchangePublisher);
    return { module: AmqpModule, providers, exports: providers };
  }
}

function facade(core: DynamicModule): DynamicModule {
  return { module: AmqpModule, imports: [core, AmqpConsumersModule] };
}

function exchangePublisher(definition: PublisherDefinition): FactoryProvider<ExchangePublisher> {
  const { publisher, exchange: _, connection, defaults: __, ...options } = definition;
  return {
    provide: getPublisherToken(publisher),
    useFactory: (connections: ConnectionRegistry) => {
      const asker = `AmqpModule.forFeature([{ publisher: '${publisher}' }])`;
      connections.expect(connection, asker);
      const checked = checkedPublisherOptions(asker, options);
      return new ExchangePublisher(definition, () => connections.get(connection).createPublisher(checked));
    },
    inject: [ConnectionRegistry],
  };
}
