import { Global, Module } from '@nestjs/common';
import { ConfigurableModuleClass } from './amqp-core.module-definition.js';
import { AmqpRegistryModule } from './amqp-registry.module.js';

/** Provides a connection and its publisher, once for each name. */
@Global()
@Module({ imports: [AmqpRegistryModule] })
export class AmqpCoreModule extends ConfigurableModuleClass {}
