import { MessageReturnedError, type CopyOf, type Delivery, type FieldTable } from '../../../lib/client/index.js';
import type { AmqpConnections } from '../../connection/amqp-connections.js';
import type { KnownTopology } from '../../topology/known-topology.js';
import { PublisherChannel } from '../../publishers/publisher-channel.js';
import { deliveryLimitOf } from '../delivery-limit.js';
import type { BrokerFacts, Detour } from '../detour.js';
import { publishCopy } from './publish-copy.js';
import { delayQueueName, parkedQueueName } from './settlement-queue-names.js';
import { CannotRetryError } from './retry.errors.js';
import type { RetryPolicy } from './retry-policy.js';
import { withoutCopies, withoutStacks, type RetryState } from './retry-state.js';
import { provideQueues, type NeededQueues } from './settlement-queues.js';

const DAY = 86_400_000;
/**
 * Maximum number of delays that handlers request and the policy does not have. Each delay has its own queue on the
 * broker.
 */
const LADDER = [1, 2, 5].flatMap((step) => [100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000].map((ms) => step * ms)).filter((ms) => ms < DAY).sort((a, b) => a - b); // prettier-ignore
/** Bytes for the headers that the broker adds when the delay is over. They have to fit into the frame, too. */
const DEATH_HEADERS = 2_000;
/**
 * Time in ms after which a copy counts as not accepted. It is long, since a second copy would be a duplicate while a
 * slow broker still handles the first one.
 */
const CONFIRM_TIMEOUT = 300_000;

/** The part of a named connection that a detour uses. */
export interface DetourConnection {
  readonly connections: Pick<AmqpConnections, 'open' | 'channel'>;
  /** What the application declares. */
  readonly topology: Pick<KnownTopology, 'declare' | 'options'>;
}

/** The consumer of the messages. */
export interface DetouredConsumer {
  readonly name: string;
  readonly queue: string;
  /** The arguments of the queue's declaration; undefined if they are unknown. */
  readonly queueArguments: FieldTable | undefined;
}

/** A queue for moved messages. */
interface Target {
  readonly kind: CopyOf['kind'];
  readonly queue: string;
  /** The delay or parked queue that `provideQueues` provides. */
  readonly needed: Pick<NeededQueues, 'levels' | 'parked'>;
}

/**
 * Moves messages through queues of the broker, on the publishing connection, so that acknowledgements never wait for a
 * blocked publish. A blocked or lost connection refuses a message at once.
 *
 * A queue is declared before its first message. So a consumer whose handler never fails has no additional queue.
 */
export class BrokerDetour implements Detour {
  private readonly levels: readonly number[];
  private readonly channel: PublisherChannel;
  /** Queues that were declared or are being declared. */
  private readonly declared = new Map<string, Promise<void>>();

  constructor(
    private readonly named: DetourConnection,
    private readonly consumer: DetouredConsumer,
    private readonly policy: RetryPolicy,
  ) {
    this.channel = new PublisherChannel(named.connections, { whenUnavailable: 'fail', timeout: CONFIRM_TIMEOUT });
    this.levels = policy.place === 'broker' ? policy.levels : [];
  }

  /** Checks the queues if it may not declare them. @throws MissingQueueError */
  async prepare(): Promise<BrokerFacts> {
    if (!this.mayDeclare) await this.provide({ levels: this.levels, parked: this.policy.end === 'park' });
    const { consuming } = await this.named.connections.open();
    return { user: consuming.user, deliveryLimit: deliveryLimitOf(this.consumer.queueArguments, consuming) };
  }

  async retry(delivery: Delivery, state: RetryState, delay: number): Promise<void> {
    const level = this.levelFor(delay);
    // The copy keeps its history, since otherwise each attempt would be the first.
    const histories = [state, withoutStacks(state)];
    const { publishing } = await this.named.connections.open();
    // 0: no limit.
    const room = (publishing.frameMax || Infinity) - DEATH_HEADERS;
    const queue = delayQueueName(this.consumer.queue, level);
    await this.forward(delivery, histories, { kind: 'retry', queue, needed: { levels: [level], parked: false } }, room);
  }

  async park(delivery: Delivery, state: RetryState): Promise<void> {
    const histories = [state, withoutStacks(state), withoutCopies(state), undefined];
    const queue = parkedQueueName(this.consumer.queue);
    await this.forward(delivery, histories, { kind: 'park', queue, needed: { levels: [], parked: true } });
  }

  async close(): Promise<void> {
    await this.channel.close();
  }

  private get mayDeclare(): boolean {
    return this.named.topology.declare === 'assert';
  }

  /** Returns the delay if the policy has it, else the next longer available one. @throws CannotRetryError */
  private levelFor(delay: number): number {
    if (this.levels.includes(delay)) return delay;
    if (this.mayDeclare) return LADDER.find((ms) => ms >= delay) ?? Math.ceil(delay / DAY) * DAY;
    const sorted = [...this.levels].sort((a, b) => a - b);
    const level = sorted.find((ms) => ms >= delay);
    if (level !== undefined) return level;
    const longest = sorted.at(-1);
    const there = longest === undefined ? 'none is declared' : `the longest that is declared has ${longest} ms`;
    throw new CannotRetryError(
      `a retry in ${delay} ms needs a delay queue, and ${there}; add it to the consumer's \`retry.delays\``,
    );
  }

  private async forward(
    delivery: Delivery,
    histories: readonly (RetryState | undefined)[],
    target: Target,
    room = Infinity,
  ): Promise<void> {
    if (this.mayDeclare) await this.declareOnce(target);
    const { channel } = this;
    const copyOf = { kind: target.kind, queue: this.consumer.queue, delivery };
    try {
      await publishCopy(channel, target.queue, delivery, histories, { room, copyOf });
    } catch (error) {
      if (!(error instanceof MessageReturnedError)) throw error;
      // The queue was deleted, so it is declared again.
      this.declared.delete(target.queue);
      await this.declareOnce(target);
      await publishCopy(channel, target.queue, delivery, histories, { room, copyOf });
    }
  }

  /** @throws MissingQueueError, TopologyError; the next message tries again */
  private declareOnce({ queue, needed }: Target): Promise<void> {
    const known = this.declared.get(queue);
    if (known) return known;
    const declaring = this.provide(needed);
    this.declared.set(queue, declaring);
    declaring.catch(() => {
      if (this.declared.get(queue) === declaring) this.declared.delete(queue);
    });
    return declaring;
  }

  private async provide(needed: Target['needed']): Promise<void> {
    const { consuming } = await this.named.connections.open();
    const { name, queue } = this.consumer;
    await provideQueues(consuming, this.named.topology.options, { consumer: name, queue, ...needed });
  }
}
