import { Global, Module } from '@nestjs/common';
import { AmqpConsumerRegistry } from '../consumers/lifecycle/consumer.registry.js';
import { ParkingLot } from '../settlement/parking/parking-lot.js';
import { SettlerFactory } from '../settlement/settler.factory.js';
import { AmqpHealthIndicator } from '../health/amqp-health.indicator.js';
import { ConsumerFactory } from '../consumers/lifecycle/consumer.factory.js';
import { StreamPositions } from '../consumers/lifecycle/stream-positions.js';
import { AmqpTopology } from '../registry/amqp-topology.js';
import { ConnectionRegistry } from '../registry/connection-registry.js';

const PUBLIC = [AmqpConsumerRegistry, AmqpTopology, ParkingLot, AmqpHealthIndicator];

/**
 * Exists once in each application, so that two applications in one process stay separate. The module is global: it is
 * among the first to be initialised and the last to be shut down, so other modules can publish in their own hooks.
 */
@Global()
@Module({
  providers: [...PUBLIC, ConnectionRegistry, SettlerFactory, StreamPositions, ConsumerFactory],
  exports: [...PUBLIC, ConnectionRegistry, SettlerFactory, ConsumerFactory],
})
export class AmqpRegistryModule {}
