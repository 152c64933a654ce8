import { MessageReturnedError, type Delivery, type FieldTable } from '../../../lib/client/index.js';
import type { AmqpConnections } from '../../connection/amqp-connections.js';
import type { AmqpModuleOptions } from '../../registry/amqp-module.options.js';
import { ConfirmChannel } from '../../connection/confirm-channel.js';
import { deliveryLimitOf } from '../delivery-limit.js';
import type { BrokerFacts, Detour } from '../detour.js';
import { publishCopy } from './publish-copy.js';
import { delayQueueName, parkedQueueName } from './settlement-queue-names.js';
import { CannotRetryError } from './retry.errors.js';
import type { RetryPolicy } from './retry-policy.js';
import { withoutCopies, withoutStacks, type RetryState } from './retry-state.js';
import { provideQueues } from './settlement-queues.js';

const DAY = 86_400_000;
/** Delays that handlers may ask for, in ms, where they are not declared: each asked for is a queue on the broker. */
const LADDER = [1, 2, 5].flatMap((step) => [100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000].map((ms) => step * ms)).filter((ms) => ms < DAY).sort((a, b) => a - b); // prettier-ignore
/** Bytes of what the broker writes about the delay queue when the delay is over: it has to fit into the frame as well. */
const DEATH_HEADERS = 2_000;
/** Ms until a message counts as not taken. Long: while the broker is slow the first copy is still on its way, and a second would be one too many. */
const CONFIRM_TIMEOUT = 300_000;

/** The part of a named connection that a detour uses. */
export interface DetourConnection {
  readonly connections: Pick<AmqpConnections, 'open'>;
  readonly options: Pick<AmqpModuleOptions, 'topology'>;
}

/** Whose messages take it. */
export interface DetouredConsumer {
  readonly name: string;
  readonly queue: string;
  /** Those that the queue was declared with; undefined where they are not known. */
  readonly queueArguments: FieldTable | undefined;
}

/**
 * Through queues of the broker, over the publishing connection: acknowledgements never wait behind a blocked publish. A
 * connection that is blocked or lost refuses it at once.
 */
export class BrokerDetour implements Detour {
  private readonly levels: Set<number>;
  private readonly channel: ConfirmChannel;

  constructor(
    private readonly named: DetourConnection,
    private readonly consumer: DetouredConsumer,
    private readonly policy: RetryPolicy,
  ) {
    this.channel = new ConfirmChannel(named.connections, { whenUnavailable: 'fail', publishTimeout: CONFIRM_TIMEOUT });
    this.levels = new Set(policy.place === 'broker' ? policy.levels : []);
  }

  /** Sees to it that the queues are there. @throws MissingQueueError, TopologyError */
  async prepare(): Promise<BrokerFacts> {
    await this.provide([...this.levels], this.policy.end === 'park');
    const { consuming } = await this.named.connections.open();
    return { user: consuming.user, deliveryLimit: deliveryLimitOf(this.consumer.queueArguments, consuming) };
  }

  async retry(delivery: Delivery, state: RetryState, delay: number): Promise<void> {
    const level = await this.levelFor(delay);
    // Without its history it would be attempt 1 for ever.
    const histories = [state, withoutStacks(state)];
    const { publishing } = await this.named.connections.open();
    // 0: no limit.
    const room = (publishing.frameMax || Infinity) - DEATH_HEADERS;
    const queue = delayQueueName(this.consumer.queue, level);
    await this.forward(delivery, histories, queue, () => this.provide([level], false), room);
  }

  async park(delivery: Delivery, state: RetryState): Promise<void> {
    const histories = [state, withoutStacks(state), withoutCopies(state), undefined];
    await this.forward(delivery, histories, parkedQueueName(this.consumer.queue), () => this.provide([], true));
  }

  /** The delay where it has its queue; else the next longer one that may be had. @throws CannotRetryError */
  private async levelFor(delay: number): Promise<number> {
    if (this.levels.has(delay)) return delay;
    if ((this.named.options.topology?.declare ?? 'assert') === 'assert') {
      const rung = LADDER.find((ms) => ms >= delay) ?? Math.ceil(delay / DAY) * DAY;
      if (!this.levels.has(rung)) await this.provide([rung], false);
      this.levels.add(rung);
      return rung;
    }
    const sorted = [...this.levels].sort((a, b) => a - b);
    const level = sorted.find((ms) => ms >= delay);
    if (level !== undefined) return level;
    const longest = sorted.at(-1);
    const there = longest === undefined ? 'none is declared' : `the longest that is declared has ${longest} ms`;
    throw new CannotRetryError(
      `a retry in ${delay} ms needs a delay queue, and ${there}: give the consumer \`retry.delays\``,
    );
  }

  private async forward(
    delivery: Delivery,
    histories: readonly (RetryState | undefined)[],
    queue: string,
    restore: () => Promise<void>,
    room = Infinity,
  ): Promise<void> {
    const channel = await this.channel.open();
    try {
      await publishCopy(channel, queue, delivery, histories, { room });
    } catch (error) {
      if (!(error instanceof MessageReturnedError)) throw error;
      // Deleted meanwhile.
      await restore();
      await publishCopy(channel, queue, delivery, histories, { room });
    }
  }

  private async provide(levels: readonly number[], parked: boolean): Promise<void> {
    const { consuming } = await this.named.connections.open();
    const { name, queue } = this.consumer;
    await provideQueues(consuming, this.named.options.topology ?? {}, { consumer: name, queue, levels, parked });
  }
}
