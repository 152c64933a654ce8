import {
  ChannelClosedError,
  HANDLER_SLOTS,
  HandlerSlots,
  TRACES_ITSELF,
  type Channel,
  type Connection,
  type Consumer,
} from '../../../lib/client/index.js';
import { untilAborted } from '../../../lib/environment/index.js';
import { UntilClosed } from '../../common/until-closed.js';
import { withoutTheWay } from '../../delay/without-delay.js';
import type { DeliverySink } from '../sinks/delivery.sink.js';
import type { ConsumeArguments } from './consume-arguments.js';

/** The consumer whose registration it is. */
export interface RegistrationOwner {
  connect(): Promise<Connection>;
  /** Returns the present name of the queue at the broker. */
  queueName(): string;
  /** Aborted when the consumer stops for good. */
  readonly ended: AbortSignal;
  /** Called when the broker has registered the consumer. */
  onRegistered(): void;
  /** Called when the client has restored the consumer on the channel. */
  onRestored(): void;
  /** Called when the consumer has ended with an error, such as a basic.cancel of the broker. */
  onLost(error: Error): void;
}

/**
 * The registration of a consumer at the broker, on a channel of its own: an error that closes a channel, such as an unknown
 * queue, ends all consumers on the channel. Deliveries go to the sink.
 *
 * The caller lets `attach()`, `detach()` and `close()` wait for one another.
 */
export class Registration {
  private readonly channel = new UntilClosed<Channel>();
  private readonly registered = new UntilClosed<Consumer>();
  /** Handlers of earlier registrations may still run. */
  private readonly slots = new HandlerSlots();
  /** Options of each registration. The sink traces: one delivery may be several attempts, or part of a batch. */
  private readonly beside = { [HANDLER_SLOTS]: this.slots, [TRACES_ITSELF]: true } as const;

  constructor(
    private readonly owner: RegistrationOwner,
    private readonly options: ConsumeArguments,
    private readonly sink: DeliverySink,
  ) {}

  /** Undefined while the consumer is not registered. */
  get consumer(): Consumer | undefined {
    return this.registered.value;
  }

  /** @param most maximum number of handlers that run at once, also for the present registration; Infinity for no limit */
  limitHandlers(most: number): void {
    this.slots.limit = most;
  }

  /** Registers the consumer, unless it has stopped while its channel opened. @throws AmqpError */
  async attach(prefetch: number): Promise<void> {
    const channel = await this.openChannel();
    // A stop does not wait longer than its grace period, and nothing may start after it.
    if (this.owner.ended.aborted) return;
    const { prefetch: _, concurrency: __, ...options } = this.options;
    const registering = channel.basicConsume(
      this.owner.queueName(),
      (delivery) => this.sink.handle(withoutTheWay(delivery)),
      {
        ...options,
        prefetch,
        ...this.beside,
        // The consumer's owner restores it. The client would restore it without a log line, and only once.
        onCancel: () => {},
        onTooLarge: (delivery, size, limit) => {
          void this.sink.handleTooLarge(withoutTheWay(delivery), size, limit);
        },
      },
    );
    const consumer = this.registered.use(await registering);
    this.owner.onRegistered();
    void consumer.closed.then((error) => {
      if (error) this.owner.onLost(error);
    });
  }

  /** Cancels the consumer. Never rejects. */
  async detach(): Promise<void> {
    const { consumer } = this;
    if (!consumer) return;
    try {
      await consumer.cancel();
    } catch {
      // If the connection is lost now, the broker requeues. Closing the channel prevents a restore of the consumer.
      await this.close();
    }
    this.registered.forget();
  }

  /** Closes the channel, which requeues what is not settled. @param timeout ms; 0 closes it at once */
  async close(timeout?: number): Promise<void> {
    await this.channel.value?.close(timeout === undefined ? {} : { timeout });
  }

  private async openChannel(): Promise<Channel> {
    if (this.channel.value) return this.channel.value;
    const { ended } = this.owner;
    const connection = await untilAborted(this.owner.connect(), ended);
    const channel = this.channel.use(await connection.openChannel({ prefetch: this.options.prefetch }));
    channel.on('lost', (error) => this.sink.abandon(error));
    channel.on('restored', () => this.owner.onRestored());
    // Later than its channel, if the broker refused the consumer at first.
    channel.on('consumerRestored', () => this.owner.onRestored());
    void channel.closed.then((error) => {
      const unexpected = ended.aborted ? undefined : new ChannelClosedError('its channel was closed', 'unknown');
      this.sink.abandon(error ?? unexpected);
    });
    return channel;
  }
}
