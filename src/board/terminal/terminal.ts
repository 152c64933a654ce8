import { hostname, userInfo } from 'node:os';
import { MessageReturnedError, NotFoundError } from '../../../lib/client/index.js';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import { NamedConnection } from '../../registry/named-connection.js';
import { DEFAULT_CONNECTION } from '../../connection/amqp.tokens.js';
import { ParkingLot } from '../../settlement/parking/parking-lot.js';
import { parkedQueueName } from '../../settlement/retry/settlement-queue-names.js';
import { exchangeOf, InstanceAsker } from '../instances/instance-asker.js';
import type { Answer } from '../instances/instance-messages.js';
import { ownInstance } from '../instances/own-instance.js';
import { ParkedQueues, type PageRequest, type ShownParked } from '../parked/parked-queues.js';
import { Redrives, type RedriveChoice, type ShownRedrive } from '../parked/redrives.js';
import { Turns } from '../parked/turns.js';

/** Ms to connect. */
const CONNECT_WITHIN = 10_000;
/** Ms that the instances of an application have for their answers. */
const ANSWER_WITHIN = 2_000;
/** This process consumes nothing. */
const NO_CONSUMERS = { list: () => [] } as const;

/** The numbers of a queue, by passive declares; undefined without such a queue. */
export interface CountedQueue {
  readonly queue: string;
  readonly ready: number | undefined;
  readonly consumers: number | undefined;
  readonly parked: number | undefined;
}

/** No instance of an application has answered. */
export class NoInstanceError extends Error {}

/** The board for a terminal: the same looks and redrives, on connections of its own. */
export class Terminal {
  private readonly named: NamedConnection;
  private readonly parkedQueues: ParkedQueues;
  private readonly redrives: Redrives;

  /** @throws ConfigurationError for a wrong URL */
  constructor(url: string) {
    this.named = new NamedConnection(DEFAULT_CONNECTION, {
      url,
      connectionName: 'nest-amqp terminal',
      startupTimeout: CONNECT_WITHIN,
    });
    const registry = new ConnectionRegistry();
    registry.add(this.named);
    const lot = new ParkingLot(registry);
    const turns = new Turns();
    const { clock } = this.named.environment;
    this.redrives = new Redrives(clock, lot, NO_CONSUMERS, turns);
    this.parkedQueues = new ParkedQueues(clock, lot, NO_CONSUMERS, this.redrives, turns, undefined);
  }

  /** Looks at parked messages, and returns them to their queue. @throws NotFoundError if there is no such queue */
  parked(queue: string, page: Pick<PageRequest, 'search' | 'group' | 'limit'>): Promise<ShownParked> {
    return this.parkedQueues.page({ connection: DEFAULT_CONNECTION, queue, fresh: true, offset: 0, ...page });
  }

  /**
   * Sends parked messages back. Resolves at the end of the redrive, also if it was broken off.
   *
   * @param signal stops it
   */
  redrive(queue: string, choice: RedriveChoice, rate: number | undefined, signal: AbortSignal): Promise<ShownRedrive> {
    return new Promise((ended) => {
      const request = { connection: DEFAULT_CONNECTION, queue, choice, rate, by: this.user };
      const { id } = this.redrives.start(request, ended);
      signal.addEventListener('abort', () => this.redrives.stop(id), { once: true });
    });
  }

  /** Counts messages and consumers. */
  async count(queues: readonly string[]): Promise<readonly CountedQueue[]> {
    const { consuming } = await this.named.connections.open();
    const ask = (queue: string) =>
      consuming
        .withScratchChannel((channel) => channel.queueDeclare(queue, { passive: true }))
        .catch((error: unknown) => {
          if (error instanceof NotFoundError) return undefined;
          throw error;
        });
    return Promise.all(
      queues.map(async (queue) => {
        const [own, parked] = await Promise.all([ask(queue), ask(parkedQueueName(queue))]);
        const count = parked?.messageCount ?? (own && 0);
        return { queue, ready: own?.messageCount, consumers: own?.consumerCount, parked: count };
      }),
    );
  }

  /**
   * Asks the instances of an application for their consumers.
   *
   * @throws NoInstanceError if none answers; AmqpError without the broker
   */
  async instances(application: string): Promise<readonly Answer[]> {
    const { publishing } = await this.named.connections.open();
    const { clock, uniqueId } = this.named.environment;
    const channel = await publishing.openChannel({ confirm: true });
    const exchange = exchangeOf(application);
    const asker = new InstanceAsker({ channel, connection: publishing, exchange, clock, uniqueId });
    const command = { kind: 'consumers' } as const;
    const from = ownInstance(this.named.environment);
    const answers = await asker
      .ask({ from, by: this.user, command }, ANSWER_WITHIN, () => false)
      .catch((error: unknown) => {
        // The exchange exists as long as an instance listens.
        if (error instanceof NotFoundError || error instanceof MessageReturnedError) return [];
        throw error;
      });
    if (answers.length > 0) return answers;
    throw new NoInstanceError(
      `No instance of '${application}' answers. Does one run, with the option instances: '${application}' of its board, and is its user of the broker that of the URL?`,
    );
  }

  async close(): Promise<void> {
    await this.named.close();
  }

  private get user(): string {
    return `${userName()} at the terminal of ${hostname()}`;
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user without a name.
    return 'somebody';
  }
}
