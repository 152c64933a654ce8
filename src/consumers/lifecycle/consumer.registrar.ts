import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { checkConsumerOptions } from '../options/check-consumer-options.js';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import { AmqpConsumerRegistry } from './consumer.registry.js';
import { ConsumerExplorer, type DiscoveredConsumer } from '../discovery/consumer.explorer.js';
import { ConsumerFactory } from './consumer.factory.js';
import { QueueNames } from '../discovery/queue-names.js';

/** Starts the consumers when everything else has started, and stops them before anything else is stopped. */
@Injectable()
export class ConsumerRegistrar implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    private readonly explorer: ConsumerExplorer,
    private readonly queues: QueueNames,
    private readonly consumers: ConsumerFactory,
    private readonly registry: AmqpConsumerRegistry,
    private readonly connections: ConnectionRegistry,
  ) {}

  /** @throws InvalidConsumerError, ConfigurationError for a connection that is not there, ConsumerStartError */
  async onApplicationBootstrap(): Promise<void> {
    try {
      const discovered = await this.discover();
      // All consumers are created before the first one starts.
      const starts = discovered.map((consumer) => {
        checkConsumerOptions(consumer.name, consumer);
        const connection = this.connections.get(consumer.options.connection, `The consumer ${consumer.name}`);
        const supervised = this.consumers.create(consumer, connection);
        this.registry.add(supervised);
        return () => connection.whenOpen(() => supervised.start());
      });
      const ends = await Promise.allSettled(starts.map((start) => start()));
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed) throw failed.reason;
    } catch (error) {
      await this.onModuleDestroy();
      await this.connections.abandonStart(error);
    }
  }

  /** Stops deliveries, then waits until the running handlers have ended and their messages are settled. */
  async onModuleDestroy(): Promise<void> {
    const stopped = this.registry.stop();
    await Promise.all(this.connections.all().map((connection) => connection.spend(stopped)));
  }

  private discover(): Promise<DiscoveredConsumer[]> {
    return Promise.all(
      this.explorer.consumers().map(async (consumer) => ({
        ...consumer,
        name: consumer.host.name,
        queue: await this.queues.resolve(consumer.source, consumer.host),
      })),
    );
  }
}
