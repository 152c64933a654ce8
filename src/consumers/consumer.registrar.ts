import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Channel, Connection, Consumer, Delivery } from '../../lib/client/index.js';
import { AmqpConnections } from '../module/amqp-connections.js';
import type { AmqpModuleOptions } from '../module/amqp-module.options.js';
import { getModuleOptionsToken } from '../module/amqp.tokens.js';
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
  private running: RunningConsumer[] = [];

  constructor(
    private readonly explorer: ConsumerExplorer,
    private readonly handlers: HandlerFactory,
    private readonly runner: MessageRunner,
    private readonly connections: AmqpConnections,
    @Inject(getModuleOptionsToken()) private readonly options: AmqpModuleOptions,
  ) {}

  /** @throws InvalidConsumerError, ConsumerStartError */
  async onApplicationBootstrap(): Promise<void> {
    const discovered = this.explorer.explore();
    if (discovered.length === 0) return;
    const { consuming } = await this.connections.open();
    const starts = await Promise.allSettled(discovered.map((consumer) => this.start(consuming, consumer)));
    this.running = starts.filter((start) => start.status === 'fulfilled').map((start) => start.value);
    const failed = starts.find((start) => start.status === 'rejected');
    if (!failed) return;
    // An application that does not start is often not closed either; what is open would keep its process alive.
    await this.onModuleDestroy();
    await this.connections.close();
    throw failed.reason;
  }

  /** No new messages, then the ones being handled to their end, their settlement included. */
  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.running.splice(0).map((consumer) => this.stop(consumer)));
  }

  private async start(connection: Connection, discovered: DiscoveredConsumer): Promise<RunningConsumer> {
    const { queue, name, options } = discovered;
    const { prefetch = this.options.prefetch ?? DEFAULT_PREFETCH, ...consumeOptions } = options;
    const handler = this.handlers.create(discovered);
    // One each: what closes a channel, an unknown queue for one, takes all of its consumers with it.
    const channel = await connection.openChannel({ prefetch });
    try {
      const handle = (delivery: Delivery): Promise<void> => this.runner.run(discovered, handler, delivery);
      const consumer = await channel.basicConsume(queue, handle, consumeOptions);
      this.logger.log(`Consuming queue '${queue}' in ${name}, prefetch ${prefetch}`);
      void consumer.closed.then((error) => {
        if (error) this.logger.error(`Lost the consumer of queue '${queue}' in ${name}: ${error.message}`);
      });
      return { discovered, channel, consumer };
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
