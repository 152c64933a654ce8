import { ConfigurationError, EncodingError, MessageReturnedError, type Delivery } from '../../../lib/client/index.js';
import type { AmqpConnections } from '../../connection/amqp-connections.js';
import type { AmqpModuleOptions } from '../../registry/amqp-module.options.js';
import { ConfirmChannel } from '../../connection/confirm-channel.js';
import type { Detour } from '../settler.js';
import { forwardedProperties } from './forwarded-properties.js';
import { delayQueueName, parkedQueueName } from './settlement-queue-names.js';
import type { RetryPolicy } from './retry-policy.js';
import { withoutStacks, type RetryState } from './retry-state.js';
import { provideQueues } from './settlement-queues.js';

/** Delays that handlers may ask for, in ms, where they are not declared: each asked for is a queue on the broker. */
const LADDER = [1, 2, 5].flatMap((step) => [100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000].map((ms) => step * ms)).sort((a, b) => a - b); // prettier-ignore

/** What of a connection it needs. */
export interface DetourConnection {
  readonly connections: Pick<AmqpConnections, 'open'>;
  readonly options: Pick<AmqpModuleOptions, 'topology'>;
}

/** Through queues of the broker, over the publishing connection: acknowledgements never wait behind a blocked publish. */
export class BrokerDetour implements Detour {
  private readonly levels: Set<number>;
  private readonly channel: ConfirmChannel;

  constructor(
    private readonly named: DetourConnection,
    private readonly consumer: { readonly name: string; readonly queue: string },
    private readonly policy: RetryPolicy,
  ) {
    this.channel = new ConfirmChannel(named.connections);
    this.levels = new Set(policy.place === 'broker' ? policy.levels : []);
  }

  /** Sees to it that the queues are there. @throws MissingQueueError, TopologyError */
  async prepare(): Promise<void> {
    await this.provide([...this.levels], this.policy.end === 'park');
  }

  async retry(delivery: Delivery, state: RetryState, delay: number): Promise<void> {
    const level = await this.levelFor(delay);
    await this.forward(delivery, state, delayQueueName(this.consumer.queue, level), () => this.provide([level], false));
  }

  async park(delivery: Delivery, state: RetryState): Promise<void> {
    await this.forward(delivery, state, parkedQueueName(this.consumer.queue), () => this.provide([], true));
  }

  /** The delay, where it has its queue; else the next longer one that may be had, else the longest. */
  private async levelFor(delay: number): Promise<number> {
    if (this.levels.has(delay)) return delay;
    if ((this.named.options.topology?.declare ?? 'assert') === 'assert') {
      const rung = LADDER.find((ms) => ms >= delay) ?? LADDER.at(-1)!;
      if (!this.levels.has(rung)) await this.provide([rung], false);
      this.levels.add(rung);
      return rung;
    }
    const sorted = [...this.levels].sort((a, b) => a - b);
    const level = sorted.find((ms) => ms >= delay) ?? sorted.at(-1);
    if (level !== undefined) return level;
    throw new ConfigurationError(
      `a retry in ${delay} ms needs a delay queue, and none is declared: give the consumer \`retry.delays\``,
    );
  }

  private async forward(
    delivery: Delivery,
    state: RetryState,
    queue: string,
    restore: () => Promise<void>,
  ): Promise<void> {
    const channel = await this.channel.open();
    const publish = (history: RetryState): Promise<number> =>
      channel.publish('', queue, delivery.body, { ...forwardedProperties(delivery, history), mandatory: true });
    try {
      await publish(state);
    } catch (error) {
      // Headers have to fit into one frame, and the publisher's may fill it.
      if (error instanceof EncodingError) await publish(withoutStacks(state));
      else if (!(error instanceof MessageReturnedError)) throw error;
      else {
        // Deleted meanwhile.
        await restore();
        await publish(state);
      }
    }
  }

  private async provide(levels: readonly number[], parked: boolean): Promise<void> {
    const { consuming } = await this.named.connections.open();
    const { name, queue } = this.consumer;
    await provideQueues(consuming, this.named.options.topology ?? {}, { consumer: name, queue, levels, parked });
  }
}
