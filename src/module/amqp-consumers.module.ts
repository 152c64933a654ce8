import { Module } from '@nestjs/common';
import { DiscoveryModule, ModulesContainer } from '@nestjs/core';
import { startLastAndStopFirst } from '../common/stop-first.js';
import { ConsumerMetadataAccessor } from '../consumers/discovery/consumer-metadata.accessor.js';
import { ConsumerPlanner } from '../consumers/dispatch/consumer.planner.js';
import { ConsumerExplorer } from '../consumers/discovery/consumer.explorer.js';
import { ConsumerRegistrar } from '../consumers/lifecycle/consumer.registrar.js';
import { EventListeners } from '../consumers/lifecycle/event-listeners.js';
import { HandlerFactory } from '../consumers/pipeline/handler.factory.js';
import { ProcessingHooks } from '../consumers/pipeline/processing-hooks.js';
import { HostInstances } from '../consumers/pipeline/host-instances.js';
import { ConsumerSettings } from '../consumers/discovery/consumer-settings.js';
import { Factories } from '../consumers/discovery/factories.js';
import { QueueNames } from '../consumers/discovery/queue-names.js';
import { AmqpRegistryModule } from './amqp-registry.module.js';

/** Starts the consumers last and stops them first. */
@Module({
  imports: [DiscoveryModule, AmqpRegistryModule],
  providers: [
    ConsumerMetadataAccessor,
    ConsumerExplorer,
    HostInstances,
    HandlerFactory,
    ProcessingHooks,
    Factories,
    QueueNames,
    ConsumerSettings,
    ConsumerPlanner,
    EventListeners,
    ConsumerRegistrar,
  ],
})
export class AmqpConsumersModule {
  constructor(modules: ModulesContainer) {
    startLastAndStopFirst(modules, AmqpConsumersModule);
  }
}
