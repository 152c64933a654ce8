import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Channel, Consumer, Delivery } from '../../lib/client/index.js';
import { ConnectionRegistry } from '../module/connection-registry.js';
import type { NamedConnection } from '../module/named-connection.js';
import { ConsumerStartError } from './consumer.errors.js';
import { ConsumerExplorer, type DiscoveredConsumer } from './consumer.explorer.js';
import { HandlerFactory } from './handler.factory.js';
import { MessageRunner } from './message.runner.js';

const DEFAULT_PREFETCH = 10;

interface RunningConsumer {
  readonly discovered: DiscoveredConsumer;
  readonly channel: Channel;
  readonly consumer: Consumer;
}

/** Starts the consumers when everything else has started, and stops them before anything else is stopped. */
@Injectable()
export class ConsumerRegistrar implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('AmqpConsumer');
  private readonly running: RunningConsumer[] = [];
  private stopping = false;

  constructor(
    private readonly explorer: ConsumerExplorer,
    private readonly handlers: HandlerFactory,
    private readonly runner: MessageRunner,
    private readonly connections: ConnectionRegistry,
  ) {}

  /** @throws InvalidConsumerError, ConfigurationError for a connection that is not there, ConsumerStartError */
  async onApplicationBootstrap(): Promise<void> {
    try {
      // All are resolved before any is started.
      const starts = this.explorer.explore().map((discovered) => {
        const connection = this.connections.get(discovered.options.connection, `@AmqpConsumer on ${discovered.name}`);
        return () => connection.whenOpen(() => this.start(connection, discovered));
      });
      const ends = await Promise.allSettled(starts.map((start) => start()));
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed) throw failed.reason;
    } catch (error) {
      await this.onModuleDestroy();
      await this.connections.abandonStart(error);
    }
  }

  /** No new messages, then the ones being handled to their end, their settlement included. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.running.splice(0).map((consumer) => this.stop(consumer)));
  }

  private async start(named: NamedConnection, discovered: DiscoveredConsumer): Promise<void> {
    const { queue, name, options } = discovered;
    const { prefetch = named.options.prefetch ?? DEFAULT_PREFETCH, connection: _, ...consumeOptions } = options;
    const handler = this.handlers.create(discovered);
    // One each: what closes a channel, an unknown queue for one, takes all of its consumers with it.
    const { consuming } = await named.connections.open();
    // With `startup: 'background'` the broker may come when the application goes.
    if (this.stopping) return;
    const channel = await consuming.openChannel({ prefetch });
    try {
      const handle = (delivery: Delivery): Promise<void> => this.runner.run(discovered, handler, delivery);
      const consumer = await channel.basicConsume(queue, handle, consumeOptions);
      this.logger.log(`Consuming queue '${queue}' in ${name}, prefetch ${prefetch}`);
      void consumer.closed.then((error) => {
        if (error) this.logger.error(`Lost the consumer of queue '${queue}' in ${name}: ${error.message}`);
      });
      this.running.push({ discovered, channel, consumer });
    } catch (error) {
      await channel.close();
      throw new ConsumerStartError(name, queue, error);
    }
  }

  private async stop({ discovered, channel, consumer }: RunningConsumer): Promise<void> {
    // Where the connection breaks now, the broker requeues; closing the channel keeps the consumer from coming back.
    await consumer.cancel().catch(() => channel.close());
    await consumer.idle();
    // Acknowledgements are on their way before the close is, so they have arrived when that is answered.
    await channel.close();
    this.logger.log(`Stopped consuming queue '${discovered.queue}' in ${discovered.name}`);
  }
}
