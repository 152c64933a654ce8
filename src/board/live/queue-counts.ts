import { ChannelClosedError, ChannelError, NotFoundError, type Channel } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import { describeError } from '../../common/log-text.js';
import { parkedQueueName } from '../../settlement/retry/settlement-queue-names.js';
import type { NamedConnection } from '../../registry/named-connection.js';
import { Rounds } from './rounds.js';

/** Ms between two rounds. */
const EVERY = 5_000;
/** Ms until a queue that was refused is asked for again: RabbitMQ logs an error each time. */
const ASK_AGAIN = 60_000;
/** The longest such pause for a parked queue, which may never exist: each pause is twice as long as the one before. */
const LONGEST = 960_000;

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

/** A parked queue that does not exist. */
interface Absence {
  /** When it is asked for again, after a pause of so many ms. */
  readonly until: number;
  readonly pause: number;
}

/**
 * Counts the messages of queues and of their parked queues by passive declares on scratch channels
 * (https://www.rabbitmq.com/docs/queues#checking), from `begin()` to `end()`. Which parked queues do not exist is kept longer, so that
 * opening the page again does not ask for all of them again.
 */
export class QueueCounts {
  private readonly counts = new Map<string, QueueCount>();
  private readonly refused = new Map<string, Refusal>();
  private readonly absent = new Map<string, Absence>();
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
    const isMissing = this.absent.has(key) || this.refused.get(key)?.error instanceof NotFoundError;
    return isMissing ? 0 : this.counts.get(key)?.ready;
  }

  /** Asks for the parked queue in the next round, although it did not exist. */
  expectParked(queue: string): void {
    for (const key of this.absent.keys()) if (key.endsWith(`\n${parkedQueueName(queue)}`)) this.absent.delete(key);
  }

  private async round(signal: AbortSignal): Promise<void> {
    const known = this.queues();
    await Promise.all(this.connections().map((connection) => this.ask(connection, known, signal)));
  }

  private async ask({ name: of, connections }: NamedConnection, known: readonly KnownQueue[], signal: AbortSignal) {
    if (!connections.isOpen) return;
    const own = known.filter(({ connection }) => connection === of);
    const names = new Set(own.map(({ name }) => name));
    const asked = new Set(own.flatMap(({ name, parks }) => (parks ? [name, parkedQueueName(name)] : [name])));
    this.forgetOthers(of, asked);
    const due = [...asked].filter((name) => this.isDue(keyOf(of, name)));
    const count = (channel: Channel, name: string): Promise<boolean> =>
      this.count(channel, keyOf(of, name), connections.serverNames.resolve(name), !names.has(name));
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

  /**
   * Returns false if the broker refused, which ends the channel.
   *
   * @param mayMiss true for a parked queue that the application does not declare or consume
   */
  private async count(channel: Channel, key: string, queue: string, mayMiss: boolean): Promise<boolean> {
    try {
      const { messageCount: ready, consumerCount: consumers } = await channel.queueDeclare(queue, { passive: true });
      this.refused.delete(key);
      this.absent.delete(key);
      this.counts.set(key, { ready, consumers });
      return true;
    } catch (error) {
      const isRefusal = error instanceof ChannelError && !(error instanceof ChannelClosedError);
      if (!isRefusal) return false;
      this.counts.delete(key);
      const now = this.clock.now();
      if (mayMiss && error instanceof NotFoundError) {
        const pause = Math.min(2 * (this.absent.get(key)?.pause ?? ASK_AGAIN / 2), LONGEST);
        this.absent.set(key, { until: now + pause, pause });
      } else this.refused.set(key, { error, until: now + ASK_AGAIN });
      return false;
    }
  }

  private isDue(key: string): boolean {
    const until = this.refused.get(key)?.until ?? this.absent.get(key)?.until;
    return until === undefined || until <= this.clock.now();
  }

  /** Forgets parked queues of consumers that are gone. */
  private forgetOthers(connection: string, asked: ReadonlySet<string>): void {
    const kept = new Set([...asked].map((name) => keyOf(connection, name)));
    for (const key of this.absent.keys())
      if (key.startsWith(`${connection}\n`) && !kept.has(key)) this.absent.delete(key);
  }
}

const keyOf = (connection: string, queue: string): string => `${connection}\n${queue}`;
