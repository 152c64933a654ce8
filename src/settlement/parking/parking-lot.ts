import { showAs } from '../../../lib/shown/index.js';
import { Injectable, Logger } from '@nestjs/common';
import { type Channel, type Delivery } from '../../../lib/client/index.js';
import { count } from '../../common/count.js';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import { describeError, describeMessage } from '../../common/log-text.js';
import { parkedQueueName } from '../retry/settlement-queue-names.js';
import { parkedMessage, type ParkedMessage } from './parked-message.js';
import { RedriveError } from './parking.errors.js';
import { concernsTheMessage, SendBack } from './send-back.js';

const DEFAULT_LIST_LIMIT = 100;
const DEFAULT_SCAN = 10_000;
/** Messages that are on their way back at a time. */
const WINDOW = 50;

/** Where the queue is. */
export interface ParkingOptions {
  /** Name of the connection. Default: the one without a name. */
  readonly connection?: string;
}

export interface ListOptions extends ParkingOptions {
  /** Messages at most, the oldest first. They are in memory all at once. Default 100. */
  readonly limit?: number;
}

export interface RedriveOptions extends ParkingOptions {
  /** Messages to send back at most, the oldest first. Default: all that are parked when it begins. */
  readonly limit?: number;
  /** Which messages to send back; the others stay. What it throws ends the redrive. Default: all. */
  readonly filter?: (message: ParkedMessage) => boolean;
  /** Messages to look at, at most: those that stay are held in memory until the end. Default 10,000. */
  readonly scan?: number;
}

/** What a redrive has done. */
export interface RedriveResult {
  /** Messages that are back in their queue. */
  readonly redriven: number;
  /** Messages that were looked at and stay, because of the filter. */
  readonly kept: number;
  /** Messages that stay because they cannot be sent back; the log says of each why. */
  readonly failed: number;
}

/**
 * The messages that were given up: those of the queue `billing` are in `billing.parked`. The names given here are those
 * of the queues that are consumed.
 *
 * @example
 * ```ts
 * constructor(private readonly parkingLot: ParkingLot) {}
 *
 * await this.parkingLot.redrive('billing', { filter: ({ lastFailure }) => lastFailure?.message.includes('ECONNREFUSED') ?? false });
 * ```
 *
 * Every method rejects with `NotFoundError` when there is no parked queue.
 *
 * @publicApi
 */
@Injectable()
export class ParkingLot {
  private readonly logger = new Logger('ParkingLot');

  constructor(private readonly connections: ConnectionRegistry) {}

  /**
   * Shows the oldest messages. They are fetched and put back, in their order: for that moment nobody else can fetch them,
   * and the broker marks them as redelivered; nothing else changes.
   */
  async list(queue: string, { limit = DEFAULT_LIST_LIMIT, connection }: ListOptions = {}): Promise<ParkedMessage[]> {
    count(limit, 'ParkingLot: limit', { min: 1 });
    return this.onChannel(connection, async (channel) => {
      const deliveries = await fetch(channel, parkedQueueName(queue), limit);
      putBack(deliveries);
      return deliveries.map((delivery) => parkedMessage(delivery, queue));
    });
  }

  /**
   * Sends messages back to their queue, as they were published, for as many attempts as a new message gets. Each leaves
   * the parked queue only when the broker has confirmed it in the other: cut anywhere, nothing is lost, and a message or
   * two may come twice. Ends with the messages that were there when it began, also where they fail and are parked again
   * meanwhile. A message that cannot be sent back, one that is over the broker's `max_message_size` for instance, stays
   * and does not stop the others.
   *
   * @throws RedriveError when the queue or the broker takes no messages, or the filter threw
   */
  async redrive(queue: string, options: RedriveOptions = {}): Promise<RedriveResult> {
    const { limit = Infinity, filter = () => true, scan = DEFAULT_SCAN, connection } = options;
    count(limit, 'ParkingLot: limit', { min: 1 });
    count(scan, 'ParkingLot: scan', { min: 1 });
    const parked = parkedQueueName(queue);
    return this.onChannel(connection, async (channel, sendBack) => {
      let redriven = 0;
      const kept: Delivery[] = [];
      const failed: Delivery[] = [];
      // How many there are, the first one tells: a declaration does not count yet what was given back just now.
      let deliveries = await fetch(channel, parked, 1);
      let left = Math.min(deliveries[0]?.messageCount ?? 0, scan - 1);
      try {
        while (deliveries.length > 0) {
          // What the filter throws on, and what follows it, is not settled: it stays.
          const chosen = deliveries.map((delivery) => filter(parkedMessage(delivery, queue)));
          kept.push(...deliveries.filter((_, index) => !chosen[index]));
          const wanted = deliveries.filter((_, index) => chosen[index]);
          const sent = await Promise.allSettled(wanted.map((delivery) => sendBack.send(queue, delivery)));
          redriven += sent.filter(({ status }) => status === 'fulfilled').length;
          for (const [index, result] of sent.entries()) {
            if (result.status === 'fulfilled') continue;
            if (!concernsTheMessage(result.reason)) throw result.reason;
            failed.push(wanted[index]!);
            this.tellFailed(queue, wanted[index]!, result.reason);
          }
          deliveries = await fetch(channel, parked, Math.min(left, limit - redriven, WINDOW));
          left -= deliveries.length;
        }
      } catch (error) {
        throw new RedriveError(queue, redriven, error);
      }
      putBack([...kept, ...failed]);
      return { redriven, kept: kept.length, failed: failed.length };
    });
  }

  /** Drops all parked messages, for good; resolves with their number. */
  async purge(queue: string, { connection }: ParkingOptions = {}): Promise<number> {
    return this.onChannel(connection, (channel) => channel.queuePurge(parkedQueueName(queue)));
  }

  private tellFailed(queue: string, delivery: Delivery, error: unknown): void {
    this.logger.error(
      `The parked ${describeMessage(delivery)} cannot be sent back to queue '${queue}', and stays: ${describeError(error)}`,
    );
  }

  /** Channels of its own: when they are closed, whatever is unsettled on them goes back. */
  private async onChannel<T>(
    connection: string | undefined,
    work: (channel: Channel, sendBack: SendBack) => Promise<T>,
  ): Promise<T> {
    const { publishing } = await this.connections.get(connection, 'ParkingLot').connections.open();
    const channel = await publishing.openChannel({ restore: false });
    const sendBack = new SendBack(publishing);
    try {
      return await work(channel, sendBack);
    } finally {
      await sendBack.close();
      await channel.close();
    }
  }
}

/** So many, or as many as there are. */
async function fetch(channel: Channel, queue: string, most: number): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  while (deliveries.length < most) {
    const delivery = await channel.basicGet(queue);
    if (!delivery) break;
    deliveries.push(delivery);
  }
  return deliveries;
}

function putBack(deliveries: readonly Delivery[]): void {
  for (const delivery of deliveries) delivery.nack({ requeue: true });
}

showAs(ParkingLot, () => ({}));
