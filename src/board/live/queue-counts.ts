import { ChannelClosedError, ChannelError, NotFoundError, type Channel } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import { describeError } from '../../common/log-text.js';
import { parkedQueueName } from '../../settlement/retry/settlement-queue-names.js';
import type { NamedConnection } from '../../registry/named-connection.js';
import { Rounds } from './rounds.js';

/** Ms between two rounds. */
const EVERY = 5_000;
/** Ms until a queue that does not exist is asked for again: RabbitMQ logs an error each time. */
const ASK_AGAIN = 60_000;

/** The numbers of a queue in the answer to a passive declare. */
export interface QueueCount {
  readonly ready: number;
  readonly consumers: number;
}

/** A queue of the application, on one connection. */
export interface KnownQueue {
  readonly connection: string;
  /** As the application names it; the broker may have another name for it. */
  readonly name: string;
  /** False for a queue that is deleted with its connection, whose failed messages are not parked. */
  readonly parks: boolean;
}

/** A queue that the broker did not count. */
interface Refusal {
  readonly error: unknown;
  /** When it is asked for again. */
  readonly until: number;
}

/**
 * Counts the messages of queues and of their parked queues by passive declares on scratch channels
 * (https://www.rabbitmq.com/docs/queues#checking), from `begin()` to `end()`.
 */
export class QueueCounts {
  private readonly counts = new Map<string, QueueCount>();
  private readonly refused = new Map<string, Refusal>();
  private readonly rounds: Rounds;

  /** @param queues called at each round */
  constructor(
    private readonly clock: Pick<Clock, 'now' | 'after'>,
    private readonly connections: () => readonly NamedConnection[],
    private readonly queues: () => readonly KnownQueue[],
  ) {
    this.rounds = new Rounds(clock, EVERY, (signal) => this.round(signal));
  }

  begin(): void {
    this.rounds.begin();
  }

  end(): void {
    this.rounds.end();
    this.counts.clear();
    this.refused.clear();
  }

  of({ connection, name }: KnownQueue): QueueCount | undefined {
    return this.counts.get(keyOf(connection, name));
  }

  /** Returns why the broker did not count the queue; undefined if it did, or was not asked yet. */
  problem({ connection, name }: KnownQueue): string | undefined {
    const refusal = this.refused.get(keyOf(connection, name));
    return refusal && describeError(refusal.error);
  }

  /** Returns the number of parked messages; undefined while it is unknown, and 0 if none was ever parked. */
  parked({ connection, name }: KnownQueue): number | undefined {
    const key = keyOf(connection, parkedQueueName(name));
    return this.refused.get(key)?.error instanceof NotFoundError ? 0 : this.counts.get(key)?.ready;
  }

  /** Asks for the parked queue in the next round, although it did not exist. */
  expectParked(queue: string): void {
    for (const key of this.refused.keys()) if (key.endsWith(`\n${parkedQueueName(queue)}`)) this.refused.delete(key);
  }

  private async round(signal: AbortSignal): Promise<void> {
    const known = this.queues();
    await Promise.all(this.connections().map((connection) => this.ask(connection, known, signal)));
  }

  private async ask({ name: of, connections }: NamedConnection, known: readonly KnownQueue[], signal: AbortSignal) {
    if (!connections.isOpen) return;
    const names = known
      .filter(({ connection }) => connection === of)
      .flatMap(({ name, parks }) => (parks ? [name, parkedQueueName(name)] : [name]));
    const due = [...new Set(names)].filter((name) => this.isDue(keyOf(of, name)));
    const count = (channel: Channel, name: string): Promise<boolean> =>
      this.count(channel, keyOf(of, name), connections.serverNames.resolve(name));
    // A queue that is refused ends the channel, so only those that were counted before are asked for together.
    const there = due.filter((name) => this.counts.has(keyOf(of, name)));
    const others = due.filter((name) => !there.includes(name));
    try {
      const { consuming } = await connections.open();
      if (there.length > 0) {
        await consuming.withScratchChannel((channel) => Promise.all(there.map((name) => count(channel, name))));
      }
      while (others.length > 0 && !signal.aborted && consuming.state === 'open') {
        await consuming.withScratchChannel(async (channel) => {
          let counted = true;
          while (others.length > 0 && counted && !signal.aborted) counted = await count(channel, others.shift()!);
        });
      }
    } catch {
      // The connection was lost or is being closed, which the page shows; the next round asks again.
    }
  }

  /** Returns false if the broker refused, which ends the channel. */
  private async count(channel: Channel, key: string, queue: string): Promise<boolean> {
    try {
      const { messageCount: ready, consumerCount: consumers } = await channel.queueDeclare(queue, { passive: true });
      this.refused.delete(key);
      this.counts.set(key, { ready, consumers });
      return true;
    } catch (error) {
      const isRefusal = error instanceof ChannelError && !(error instanceof ChannelClosedError);
      if (!isRefusal) return false;
      this.counts.delete(key);
      this.refused.set(key, { error, until: this.clock.now() + ASK_AGAIN });
      return false;
    }
  }

  private isDue(key: string): boolean {
    const { until } = this.refused.get(key) ?? {};
    return until === undefined || until <= this.clock.now();
  }
}

const keyOf = (connection: string, queue: string): string => `${connection}\n${queue}`;
