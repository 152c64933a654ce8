import { Module } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { startLastAndStopFirst } from '../common/stop-first.js';
import { AmqpRegistryModule } from '../module/amqp-registry.module.js';
import { AmqpService } from './amqp.service.js';

/**
 * Provides {@link AmqpService}, for hybrid applications. Import it beside `AmqpModule.forRoot()`.
 *
 * @publicApi
 */
@Module({ imports: [AmqpRegistryModule], providers: [AmqpService], exports: [AmqpService] })
export class AmqpMicroservicesModule {
  constructor(modules: ModulesContainer) {
    startLastAndStopFirst(modules, AmqpMicroservicesModule);
  }
}
