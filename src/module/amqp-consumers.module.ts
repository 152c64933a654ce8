import { Module } from '@nestjs/common';
import { DiscoveryModule, ModulesContainer } from '@nestjs/core';
import { ConsumerMetadataAccessor } from '../consumers/discovery/consumer-metadata.accessor.js';
import { ConsumerExplorer } from '../consumers/discovery/consumer.explorer.js';
import { ConsumerFactory } from '../consumers/lifecycle/consumer.factory.js';
import { ConsumerRegistrar } from '../consumers/lifecycle/consumer.registrar.js';
import { EventListeners } from '../consumers/lifecycle/event-listeners.js';
import { HandlerFactory } from '../consumers/pipeline/handler.factory.js';
import { HostInstances } from '../consumers/pipeline/host-instances.js';
import { QueueNames } from '../consumers/discovery/queue-names.js';
import { StreamPositions } from '../consumers/lifecycle/stream-positions.js';
import { AmqpRegistryModule } from './amqp-registry.module.js';

/**
 * Starts the consumers last and stops them first, so that the providers that handlers use exist as long as handlers
 * run.
 *
 * Nest orders lifecycle hooks by a module's distance from the root module and has no public way to ask for a place in
 * that order. The distance of this module is smaller than that of the root (0), so it starts last and is destroyed
 * first. See decision 3.
 */
@Module({
  imports: [DiscoveryModule, AmqpRegistryModule],
  providers: [
    ConsumerMetadataAccessor,
    ConsumerExplorer,
    HostInstances,
    HandlerFactory,
    QueueNames,
    StreamPositions,
    ConsumerFactory,
    EventListeners,
    ConsumerRegistrar,
  ],
})
export class AmqpConsumersModule {
  constructor(modules: ModulesContainer) {
    for (const module of modules.values()) if (module.metatype === AmqpConsumersModule) module.distance = -1;
  }
}
