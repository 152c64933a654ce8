import { FieldLogger } from '../../common/field-logger.js';
import { showAs } from '../../../lib/shown/index.js';
import { Injectable } from '@nestjs/common';
import type { Delivery } from '../../../lib/client/index.js';
import { pause } from '../../../lib/environment/index.js';
import { count } from '../../common/count.js';
import { checkValues, expectValue, FUNCTION, NAME, SIGNAL, TEXT } from '../../common/option-values.js';
import { namesOf } from '../../../lib/option-names/index.js';
import { refuseUnknown } from '../../common/known-options.js';
import type { BrokerWaitOptions } from '../../connection/broker-deadline.js';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import { describeError, describeMessage, messageIdOf } from '../../common/log-text.js';
import { parkedMessage, type ParkedMessage } from './parked-message.js';
import { edited, type ParkedEdit } from './parked-edit.js';
import { hasParkedQueue, ParkedQueue } from './parked-queue.js';
import { RedriveError } from './parking.errors.js';
import { concernsTheMessage, SendBack } from './send-back.js';

const DEFAULT_LIST_LIMIT = 100;
const DEFAULT_SCAN = 10_000;
/**
 * Maximum number of messages on their way back at once. A quorum queue of RabbitMQ holds back acknowledgements of fetched
 * messages beyond 32 that it has not applied (`quorum_commands_soft_limit`), and drops them when the channel closes.
 */
const WINDOW = 25;
const NEVER = new AbortController().signal;

/** The connection of the parked queue, and how long a call waits until it is open. */
export interface ParkingOptions extends BrokerWaitOptions {
  /** Name of the connection. Default: the connection without a name. */
  readonly connection?: string;
}

/** Options of {@link ParkingLot.list}. */
export interface ListOptions extends ParkingOptions {
  /** Maximum number of messages, oldest first. All are in memory at once. Default 100. */
  readonly limit?: number;
}

/** Options of {@link ParkingLot.redrive}. */
export interface RedriveOptions extends ParkingOptions {
  /** Maximum number of messages to send back, oldest first. Default: all that are parked at the start. */
  readonly limit?: number;
  /** Returns true for messages to send back; the others stay. An error ends the redrive. Default: all messages. */
  readonly filter?: (message: ParkedMessage) => boolean;
  /**
   * Called for each message that is sent back. Returns what is changed, or undefined to send it as it was published. An error ends
   * the redrive. Default: nothing is changed.
   *
   * @example
   * ```ts
   * edit: ({ payload }) => ({ payload: { ...(payload as Order), currency: 'EUR' } })
   * ```
   */
  readonly edit?: (message: ParkedMessage) => ParkedEdit | undefined;
  /** Maximum number of messages to read. Those that stay are held until the end, so nobody else gets them. Default 10,000. */
  readonly scan?: number;
  /** Maximum number of messages to send back per second. Default: no limit. */
  readonly rate?: number;
  /** Ends the redrive early: messages on their way arrive, the others stay, and the call resolves with the numbers so far. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each group of messages, with the numbers so far. An error ends the redrive. Default: not called. */
  readonly onProgress?: (progress: RedriveProgress) => void;
}

const PARKING = namesOf({ connection: 0, timeout: 0, signal: 0 } satisfies Record<keyof ParkingOptions, 0>);
const LIST = namesOf({ connection: 0, timeout: 0, signal: 0, limit: 0 } satisfies Record<keyof ListOptions, 0>);
const REDRIVE = namesOf({
  connection: 0,
  timeout: 0,
  limit: 0,
  filter: 0,
  edit: 0,
  scan: 0,
  rate: 0,
  signal: 0,
  onProgress: 0,
} satisfies Record<keyof RedriveOptions, 0>);
const KNOWN = { list: LIST, redrive: REDRIVE, purge: PARKING } as const;

/** A misspelt `limit` or `filter` would concern every parked message. @throws ConfigurationError */
function check(method: 'list' | 'redrive' | 'purge', queue: string, options: RedriveOptions): void {
  expectValue(`ParkingLot.${method}(): the name of the queue`, queue, NAME);
  refuseUnknown('ParkingLot', options, KNOWN[method]);
  checkValues('ParkingLot', options, {
    connection: TEXT,
    filter: FUNCTION,
    edit: FUNCTION,
    onProgress: FUNCTION,
    signal: SIGNAL,
  });
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

/** The numbers of a redrive that is under way. */
export interface RedriveProgress extends RedriveResult {
  /** Number of messages that it will read, at most. */
  readonly total: number;
}

/** @internal Called with each parked message in order. Returns false to stop. */
export type SeeParked = (message: ParkedMessage) => boolean;

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
 * `purge()` with 0 and `redrive()` with zeros. Every method rejects with `NotFoundError` if the queue itself does not exist,
 * and with `ConfigurationError` for the name of a parked queue.
 *
 * Every method opens a connection of its own. Until the application's connections were open for the first time (`startup:
 * 'background'`), it waits for them. Both together take `timeout` (30 s) at most; then the method rejects with a `TimeoutError`
 * that has the last failure of the connection. After a loss of the connection it rejects with the error of its attempt to
 * connect.
 *
 * @publicApi
 */
@Injectable()
export class ParkingLot {
  private readonly logger = new FieldLogger('ParkingLot');

  constructor(private readonly connections: ConnectionRegistry) {}

  /**
   * Returns the oldest messages. They are fetched and returned to the queue; RabbitMQ may return more than 32 messages to a
   * quorum queue in another order. Meanwhile nobody else can fetch them, and the broker marks them as redelivered.
   *
   * @example
   * ```ts
   * const messages = await this.parkingLot.list('billing', { limit: 20 });
   * console.log(messages.map(({ messageId, lastFailure }) => `${messageId}: ${lastFailure?.message}`));
   * ```
   *
   * @throws NotFoundError, TimeoutError, ConfigurationError for an unknown option or an invalid value
   */
  async list(queue: string, options: ListOptions = {}): Promise<ParkedMessage[]> {
    check('list', queue, options);
    const { limit = DEFAULT_LIST_LIMIT } = options;
    const messages: ParkedMessage[] = [];
    await this.look(queue, { ...options, limit }, (message) => messages.push(message) > 0);
    return messages;
  }

  /**
   * Shows the oldest messages one by one, as {@link list} does, and keeps none of them in memory.
   *
   * @internal
   * @returns the number of messages that were parked at the start
   */
  async look(queue: string, options: ParkingOptions & { readonly limit: number }, see: SeeParked): Promise<number> {
    const { connection, limit } = options;
    count(limit, 'ParkingLot: limit', { min: 1 });
    const { serializers } = this.connections.get(connection, 'ParkingLot');
    return this.onParked(queue, options, 0, async (parked) => {
      const first = await parked.first();
      if (!first) return 0;
      let last = first;
      const show = (delivery: Delivery): boolean => {
        last = delivery;
        return see(parkedMessage(delivery, queue, serializers));
      };
      const others = first.messageCount ?? 0;
      if (show(first)) await parked.read(Math.min(others, limit - 1), show);
      putBackUpTo(last === first ? [first] : [first, last]);
      return others + 1;
    });
  }

  /**
   * Sends messages back to their queue as they were published, or edited, each with a full number of attempts. A message is
   * removed from the parked queue only after the broker has confirmed it in its own queue, so a crash loses nothing,
   * but may duplicate some messages. Handles the messages that are parked at the start; a message that fails and is
   * parked again meanwhile is not sent twice. A message that cannot be sent back, for example because it exceeds the
   * broker's `max_message_size`, stays and does not stop the others.
   *
   * @throws RedriveError if the queue or the broker accepts no messages, or the filter or the edit threw
   * @throws ConfigurationError for an unknown option or an invalid value
   */
  async redrive(queue: string, options: RedriveOptions = {}): Promise<RedriveResult> {
    check('redrive', queue, options);
    const { limit = Infinity, filter = () => true, scan = DEFAULT_SCAN, rate = Infinity, connection } = options;
    const { edit = () => undefined, signal = NEVER, onProgress = () => {} } = options;
    count(limit, 'ParkingLot: limit', { min: 1 });
    count(scan, 'ParkingLot: scan', { min: 1 });
    count(rate, 'ParkingLot: rate', { min: 1 });
    const { serializers, environment } = this.connections.get(connection, 'ParkingLot');
    const { clock } = environment;
    const nothing: RedriveResult = { redriven: 0, kept: 0, failed: 0 };
    const redriving = this.onParked(queue, options, nothing, async (parked, sendBack) => {
      const tally = { redriven: 0, kept: 0, failed: 0 };
      const begin = clock.now();
      /** The last message of each group that stays; the earlier ones of the group need no memory. */
      const staying: Delivery[] = [];
      // The first message tells the number of messages. A declaration may not count messages that were requeued just
      // now.
      const first = await parked.first();
      let deliveries = first ? [first] : [];
      const total = Math.min((first?.messageCount ?? -1) + 1, scan);
      let left = total - deliveries.length;
      try {
        while (deliveries.length > 0) {
          // If the filter or the edit throws, this message and those behind it are not settled, so they stay.
          const wanted = deliveries.flatMap((delivery) => {
            const message = parkedMessage(delivery, queue, serializers);
            return filter(message) ? [{ delivery, content: edited(delivery, edit(message), serializers) }] : [];
          });
          tally.kept += deliveries.length - wanted.length;
          const sent = await Promise.allSettled(
            wanted.map(({ delivery, content }) => sendBack.send(queue, delivery, content)),
          );
          for (const [index, result] of sent.entries()) {
            if (result.status === 'fulfilled') {
              tally.redriven++;
              continue;
            }
            if (!concernsTheMessage(result.reason)) throw result.reason;
            tally.failed++;
            this.tellFailed(queue, wanted[index]!.delivery, result.reason);
          }
          const stays = deliveries.findLast((delivery) => !delivery.settled);
          if (stays) staying.push(stays);
          onProgress({ ...tally, total });
          const most = Math.min(left, limit - tally.redriven, WINDOW, rate);
          if (most > 0) await pause(clock, begin + (tally.redriven / rate) * 1_000 - clock.now(), signal);
          deliveries = signal.aborted ? [] : await parked.fetch(most);
          left -= deliveries.length;
        }
      } catch (error) {
        throw new RedriveError(queue, tally.redriven, error);
      }
      putBackUpTo(staying);
      return tally;
    });
    return redriving.catch((error: unknown) => {
      // It was stopped while it waited for the broker.
      if (signal.aborted && error === signal.reason) return nothing;
      throw error;
    });
  }

  /**
   * Deletes all parked messages; resolves with their number.
   *
   * @throws NotFoundError, TimeoutError, ConfigurationError for an unknown option or an invalid value
   */
  async purge(queue: string, options: ParkingOptions = {}): Promise<number> {
    check('purge', queue, options);
    return this.onParked(queue, options, 0, (parked) => parked.purge());
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
  private async onParked<T>(
    queue: string,
    { connection, timeout, signal }: ParkingOptions,
    nothing: T,
    work: (parked: ParkedQueue, sendBack: SendBack) => Promise<T>,
  ): Promise<T> {
    const { connections, environment } = this.connections.get(connection, 'ParkingLot');
    const wait = { place: 'ParkingLot', timeout, signal };
    return connections.withScratchConnection('parking lot', wait, async (scratch) => {
      if (!(await hasParkedQueue(scratch, queue))) return nothing;
      return scratch.withScratchChannel((channel) =>
        work(new ParkedQueue(channel, queue, environment.clock), new SendBack(scratch)),
      );
    });
  }
}

/**
 * Returns each of the messages, and all unsettled ones before it, to the queue. Groups of messages that were read together
 * are returned one by one, since RabbitMQ returns those of several consumers in no particular order.
 */
function putBackUpTo(lasts: readonly Delivery[]): void {
  for (const last of lasts) last.nack({ requeue: true, multiple: true });
}

showAs(ParkingLot, () => ({}));
