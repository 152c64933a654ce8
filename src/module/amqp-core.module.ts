import { Global, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { ConfigurationError } from '../../lib/client/index.js';
import { ConfirmingPublisher } from '../publishers/confirming.publisher.js';
import { MessageSerializers } from '../serialization/message-serializers.js';
import { AmqpConnections } from './amqp-connections.js';
import { ConfigurableModuleClass, GIVEN_OPTIONS, normalizeOptions } from './amqp-core.module-definition.js';
import { getModuleOptionsToken } from './amqp.tokens.js';

/**
 * Connections and publishers. Global, hence the first module to be initialised and the last to be shut down: everybody
 * else may publish in their own hooks.
 */
@Global()
@Module({
  providers: [
    { provide: getModuleOptionsToken(), useFactory: normalizeOptions, inject: [GIVEN_OPTIONS] },
    MessageSerializers,
    AmqpConnections,
    ConfirmingPublisher,
  ],
  exports: [getModuleOptionsToken(), MessageSerializers, AmqpConnections, ConfirmingPublisher],
})
export class AmqpCoreModule extends ConfigurableModuleClass implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly connections: AmqpConnections,
    private readonly publisher: ConfirmingPublisher,
    modules: ModulesContainer,
  ) {
    super();
    refuseSecond(modules);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.open();
  }

  // Not onModuleDestroy: an HTTP server takes requests until after that, and they may publish.
  async onApplicationShutdown(): Promise<void> {
    await this.publisher.close();
    await this.connections.close();
  }
}

/** Of two global modules with the same providers one would win everywhere, in silence. */
function refuseSecond(modules: ModulesContainer): void {
  const count = [...modules.values()].filter(({ metatype }) => metatype === AmqpCoreModule).length;
  if (count > 1) {
    throw new ConfigurationError(
      `AmqpModule.forRoot() is called ${count} times in this application. Call it once, in the root module: what it ` +
        'provides is there for all modules.',
    );
  }
}
