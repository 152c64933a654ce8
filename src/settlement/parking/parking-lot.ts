import { FieldLogger } from '../../common/field-logger.js';
import { showAs } from '../../../lib/shown/index.js';
import { Injectable } from '@nestjs/common';
import { NotFoundError, type Channel, type Connection, type Delivery } from '../../../lib/client/index.js';
import { count } from '../../common/count.js';
import { checkValues, FUNCTION, TEXT } from '../../common/option-values.js';
import { namesOf } from '../../../lib/option-names/index.js';
import { refuseUnknown } from '../../common/known-options.js';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import { describeError, describeMessage, messageIdOf } from '../../common/log-text.js';
import { parkedQueueName } from '../retry/settlement-queue-names.js';
import { parkedMessage, type ParkedMessage } from './parked-message.js';
import { RedriveError } from './parking.errors.js';
import { concernsTheMessage, SendBack } from './send-back.js';

const DEFAULT_LIST_LIMIT = 100;
const DEFAULT_SCAN = 10_000;
/**
 * Maximum number of messages on their way back at once. A quorum queue of RabbitMQ holds back acknowledgements of fetched
 * messages beyond 32 that it has not applied (`quorum_commands_soft_limit`), and drops them when the channel closes.
 */
const WINDOW = 25;

/** The connection of the parked queue. */
export interface ParkingOptions {
  /** Name of the connection. Default: the connection without a name. */
  readonly connection?: string;
}

export interface ListOptions extends ParkingOptions {
  /** Maximum number of messages, oldest first. All are in memory at once. Default 100. */
  readonly limit?: number;
}

export interface RedriveOptions extends ParkingOptions {
  /** Maximum number of messages to send back, oldest first. Default: all that are parked at the start. */
  readonly limit?: number;
  /** Returns true for messages to send back; the others stay. An error ends the redrive. Default: all messages. */
  readonly filter?: (message: ParkedMessage) => boolean;
  /** Maximum number of messages to read; those that stay are kept in memory until the end. Default 10,000. */
  readonly scan?: number;
}

const PARKING = namesOf({ connection: 0 } satisfies Record<keyof ParkingOptions, 0>);
const LIST = namesOf({ connection: 0, limit: 0 } satisfies Record<keyof ListOptions, 0>);
const REDRIVE = namesOf({ connection: 0, limit: 0, filter: 0, scan: 0 } satisfies Record<keyof RedriveOptions, 0>);

/** A misspelt `limit` or `filter` would concern every parked message. @throws ConfigurationError */
function check(options: RedriveOptions, known: readonly string[]): void {
  refuseUnknown('ParkingLot', options, known);
  checkValues('ParkingLot', options, { connection: TEXT, filter: FUNCTION });
}

/** The result of a redrive. */
export interface RedriveResult {
  /** Number of messages that are back in their queue. */
  readonly redriven: number;
  /** Number of messages that stay because of the filter. */
  readonly kept: number;
  /** Number of messages that stay because they could not be sent back; the log gives the reason of each. */
  readonly failed: number;
}

/**
 * Reads and sends back parked messages. Messages of the queue `billing` are parked in `billing.parked`; the methods
 * take the name of the consumed queue.
 *
 * @example
 * ```ts
 * constructor(private readonly parkingLot: ParkingLot) {}
 *
 * await this.parkingLot.redrive('billing', { filter: ({ lastFailure }) => lastFailure?.message.includes('ECONNREFUSED') ?? false });
 * ```
 *
 * A parked queue is declared with the first message that goes to it. Until then, `list()` resolves with an empty array,
 * `purge()` with 0 and `redrive()` with zeros. Every method rejects with `NotFoundError` if the queue itself does not exist.
 *
 * @publicApi
 */
@Injectable()
export class ParkingLot {
  private readonly logger = new FieldLogger('ParkingLot');

  constructor(private readonly connections: ConnectionRegistry) {}

  /**
   * Returns the oldest messages. They are fetched and returned in order. Meanwhile nobody else can fetch them, and the
   * broker marks them as redelivered.
   */
  async list(queue: string, options: ListOptions = {}): Promise<ParkedMessage[]> {
    check(options, LIST);
    const { limit = DEFAULT_LIST_LIMIT, connection } = options;
    count(limit, 'ParkingLot: limit', { min: 1 });
    const { serializers } = this.connections.get(connection, 'ParkingLot');
    return this.onChannel(queue, connection, [], async (channel) => {
      const deliveries = await fetch(channel, parkedQueueName(queue), limit);
      putBack(deliveries);
      return deliveries.map((delivery) => parkedMessage(delivery, queue, serializers));
    });
  }

  /**
   * Sends messages back to their queue as they were published, each with a full number of attempts. A message is
   * removed from the parked queue only after the broker has confirmed it in its own queue, so a crash loses nothing,
   * but may duplicate some messages. Handles the messages that are parked at the start; a message that fails and is
   * parked again meanwhile is not sent twice. A message that cannot be sent back, for example because it exceeds the
   * broker's `max_message_size`, stays and does not stop the others.
   *
   * @throws RedriveError if the queue or the broker accepts no messages, or the filter threw
   * @throws ConfigurationError for an unknown option or an invalid value
   */
  async redrive(queue: string, options: RedriveOptions = {}): Promise<RedriveResult> {
    check(options, REDRIVE);
    const { limit = Infinity, filter = () => true, scan = DEFAULT_SCAN, connection } = options;
    count(limit, 'ParkingLot: limit', { min: 1 });
    count(scan, 'ParkingLot: scan', { min: 1 });
    const { serializers } = this.connections.get(connection, 'ParkingLot');
    const parked = parkedQueueName(queue);
    const nothing: RedriveResult = { redriven: 0, kept: 0, failed: 0 };
    return this.onChannel(queue, connection, nothing, async (channel, sendBack) => {
      let redriven = 0;
      const kept: Delivery[] = [];
      const failed: Delivery[] = [];
      // The first message tells the number of messages. A declaration may not count messages that were requeued just
      // now.
      let deliveries = await fetch(channel, parked, 1);
      let left = Math.min(deliveries[0]?.messageCount ?? 0, scan - 1);
      try {
        while (deliveries.length > 0) {
          // If the filter throws, this message and those behind it are not settled, so they stay.
          const chosen = deliveries.map((delivery) => filter(parkedMessage(delivery, queue, serializers)));
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

  /** Deletes all parked messages; resolves with their number. */
  async purge(queue: string, options: ParkingOptions = {}): Promise<number> {
    check(options, PARKING);
    const { connection } = options;
    return this.onChannel(queue, connection, 0, (channel) => channel.queuePurge(parkedQueueName(queue)));
  }

  private tellFailed(queue: string, delivery: Delivery, error: unknown): void {
    this.logger.error(
      `The parked ${describeMessage(delivery)} cannot be sent back to queue '${queue}', and stays: ${describeError(error)}`,
      { queue, messageId: messageIdOf(delivery) },
    );
  }

  /**
   * Uses a connection of its own: RabbitMQ 3.10 closes the connection (541) on a basic.get while it is creating the
   * parked queue. When the connection closes, unsettled messages return to the queue.
   *
   * @param nothing the result if no message of the queue was ever parked
   * @throws NotFoundError when the queue itself does not exist
   */
  private async onChannel<T>(
    queue: string,
    connection: string | undefined,
    nothing: T,
    work: (channel: Channel, sendBack: SendBack) => Promise<T>,
  ): Promise<T> {
    const { connections } = this.connections.get(connection, 'ParkingLot');
    return connections.withScratchConnection('parking lot', async (scratch) => {
      if (await exists(scratch, parkedQueueName(queue))) {
        return scratch.withScratchChannel((channel) => work(channel, new SendBack(scratch)));
      }
      await scratch.withScratchChannel((look) => look.queueDeclare(queue, { passive: true }));
      return nothing;
    });
  }
}

/** Returns true if the queue exists. */
async function exists(connection: Connection, queue: string): Promise<boolean> {
  try {
    await connection.withScratchChannel((look) => look.queueDeclare(queue, { passive: true }));
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

/** Fetches `most` messages, or fewer if the queue has fewer. */
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
