import { Module } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { startLastAndStopFirst } from '../common/stop-first.js';
import { AmqpRegistryModule } from '../module/amqp-registry.module.js';
import { AmqpService } from './amqp.service.js';

/**
 * Provides {@link AmqpService}, for hybrid applications. Import it beside `AmqpModule.forRoot()`.
 *
 * @example
 * ```ts
 * @Module({ imports: [AmqpModule.forRoot('amqp://localhost'), AmqpMicroservicesModule] })
 * class AppModule {}
 *
 * const app = await NestFactory.create(AppModule);
 * app.connectMicroservice({ strategy: app.get(AmqpService).createServer({ queue: 'orders' }) });
 * ```
 *
 * @publicApi
 */
@Module({ imports: [AmqpRegistryModule], providers: [AmqpService], exports: [AmqpService] })
export class AmqpMicroservicesModule {
  constructor(modules: ModulesContainer) {
    startLastAndStopFirst(modules, AmqpMicroservicesModule);
  }
}
