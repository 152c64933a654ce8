import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import { AmqpConsumerRegistry } from './consumer.registry.js';
import { ConsumerExplorer } from '../discovery/consumer.explorer.js';
import { ConsumerSettings } from '../discovery/consumer-settings.js';
import { ConsumerFactory } from './consumer.factory.js';
import { ConsumerPlanner } from '../dispatch/consumer.planner.js';

/** Starts the consumers when everything else has started, and stops them before anything else is stopped. */
@Injectable()
export class ConsumerRegistrar implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    private readonly explorer: ConsumerExplorer,
    private readonly settings: ConsumerSettings,
    private readonly planner: ConsumerPlanner,
    private readonly consumers: ConsumerFactory,
    private readonly registry: AmqpConsumerRegistry,
    private readonly connections: ConnectionRegistry,
  ) {}

  /** @throws InvalidConsumerError, ConfigurationError for a connection that is not there, ConsumerStartError */
  async onApplicationBootstrap(): Promise<void> {
    try {
      const found = this.explorer.consumers();
      this.explorer.warnOfDoubles(found);
      const discovered = await Promise.all(found.map((consumer) => this.settings.resolve(consumer)));
      // All consumers are created before the first one starts.
      const starts = this.planner.plan(discovered).map((plan) => {
        const supervised = this.consumers.create(plan);
        this.registry.adopt(supervised, plan.connection.name);
        return () => plan.connection.whenOpen(() => supervised.start());
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
}
