import { EmbeddedBroker, type BrokerOptions, type JournalEntry, type PutIn } from '../../lib/broker/index.js';
import { MESSAGE_PROPERTIES, type OutgoingProperties } from '../../lib/client/index.js';
import { within } from '../../lib/environment/index.js';
import { namesOf } from '../../lib/option-names/index.js';
import { systemEnvironment, type Environment } from '../common/environment.js';
import { refuseUnknown } from '../common/known-options.js';
import { checkValues, OBJECT, oneOf } from '../common/option-values.js';
import { finiteTime, timeLimit, type Duration } from '../common/duration.js';
import { compressed } from '../serialization/compression.js';
import { AttachedApps } from './attached-apps.js';
import type { DeliveryOutcome } from './delivery-outcome.js';
import { MessageTrail } from './message-trail.js';
import { PublishedMessages, type PublishedMatch, type PublishedMessage } from './published-messages.js';
import { Quiet } from './quiet.js';
import { HarnessPublishError, HarnessTimeoutError } from './testing.errors.js';

/** ms. It is shorter than the 5 s that Jest and Vitest give a test, since our error is more specific than theirs. */
const DEFAULT_TIMEOUT = 4_000;

/**
 * Options of {@link AmqpHarness.start}.
 *
 * @publicApi
 */
export interface HarnessOptions {
  /**
   * Maximum real time of each wait: ms, or a text such as `'4s'`. Default 4 s, which is less than the timeout of a
   * test.
   */
  readonly timeout?: Duration;
  /**
   * Virtual hosts of connections, by the name of the connection. Default: the virtual host in the connection's URL. The
   * harness has one broker, so two brokers of the application need different virtual hosts.
   */
  readonly vhosts?: Readonly<Record<string, string>>;
  /** Options of the {@link EmbeddedBroker}: `log`, `memoryLimit`, … Default: its defaults. */
  readonly broker?: Omit<BrokerOptions, 'vhosts'>;
}

/** Properties and destination of a message that a test publishes. Default `messageId`: a random UUID. */
export interface HarnessPublishOptions extends OutgoingProperties {
  /**
   * Name of the application's connection whose virtual host and serializers are used. Default: the connection without a
   * name.
   */
  readonly connection?: string;
}

/** Options of {@link AmqpHarness.deliver}. */
export interface DeliverOptions extends HarnessPublishOptions {
  /**
   * The behaviour when the message waits for a retry. `skip` (default) moves the broker's clock to the end of the delay.
   * `stop` resolves with the result `waiting`; {@link AmqpHarness.advance} then moves the clock.
   */
  readonly delays?: 'skip' | 'stop';
  /**
   * Maximum real time until the message is settled: ms, or a text such as `'4s'`; Infinity for no limit. Default: the
   * harness's.
   */
  readonly timeout?: Duration;
}

/** The limit of a wait. */
export interface WaitOptions {
  /** Maximum real time: ms, or a text such as `'4s'`; Infinity for no limit. Default: the harness's. */
  readonly timeout?: Duration;
}

/**
 * An embedded broker with methods for tests. Import {@link AmqpTestingModule} beside the application's module: it
 * connects the application to this broker, over the real protocol, and changes nothing else.
 *
 * @example
 * ```ts
 * const outcome = await harness.deliver('billing', { id: 1 });
 * expect(outcome).toMatchObject({ result: 'parked', attempts: 3, error: new Error('the bank does not answer') });
 * ```
 *
 * @publicApi
 */
export class AmqpHarness implements AsyncDisposable {
  /** @internal */
  readonly apps: AttachedApps;
  private readonly messages: PublishedMessages;
  private readonly quiet: Quiet;
  /** Waits use real time, whatever clocks the broker and the applications have. */
  private readonly environment: Environment = systemEnvironment;
  private readonly trails = new Set<MessageTrail>();
  /** ms. */
  private readonly timeout: number;
  /** Journal entries of the publish that is running; its message is known only afterwards. */
  private meanwhile: JournalEntry[] | undefined;

  private constructor(
    /** The broker: `faults` breaks things, `journal` records events, `queues` shows where messages are. */
    readonly broker: EmbeddedBroker,
    options: HarnessOptions,
  ) {
    this.timeout = timeLimit(options.timeout ?? DEFAULT_TIMEOUT, 'AmqpHarness: timeout');
    this.apps = new AttachedApps(broker, options.vhosts ?? {}, (failure) => {
      for (const trail of this.trails) if (trail.hear(failure)) return;
    });
    this.messages = new PublishedMessages(broker, this.apps, this.environment.clock);
    this.quiet = new Quiet(broker, this.apps, this.environment.clock);
    broker.journal.watch((entry) => {
      this.meanwhile?.push(entry);
      for (const trail of this.trails) if (trail.see(entry)) return;
    });
  }

  /**
   * Starts a harness with a broker on a free port of the loopback interface. The broker does not keep the process
   * alive.
   *
   * @example
   * ```ts
   * await using harness = await AmqpHarness.start({ timeout: '2s' });
   * ```
   *
   * @throws ConfigurationError for an unknown option or an invalid value
   */
  static async start(options: HarnessOptions = {}): Promise<AmqpHarness> {
    checkHarnessOptions(options);
    const broker = await EmbeddedBroker.start(options.broker);
    broker.unref();
    return new AmqpHarness(broker, options);
  }

  /**
   * The URL of the broker, for connections that do not belong to a module: `new AmqpServer({ urls: [harness.url], …
   * })`.
   */
  get url(): string {
    return this.broker.url;
  }

  /**
   * Puts a message into a queue and resolves with its outcome after all attempts: acked, parked, … Delays in the broker
   * are skipped. Retries of exclusive queues wait in the application and use the real clock.
   *
   * @param queue its name in the application, also of a server-named queue
   * @param payload any JSON value, a string or bytes; encoded as a publisher does
   * @throws HarnessPublishError if the queue does not exist or is full
   * @throws HarnessTimeoutError if the message is not settled in time; it says where the message is
   * @throws SerializationError
   * @throws ConfigurationError for an unknown option or an invalid value
   */
  async deliver(queue: string, payload: unknown, options: DeliverOptions = {}): Promise<DeliveryOutcome> {
    checkValues('AmqpHarness.deliver', options, { delays: oneOf('skip', 'stop') });
    const { delays = 'skip', timeout: given, ...publish } = options;
    const timeout = this.timeLimit(given);
    let trail!: MessageTrail;
    const ended = new Promise<DeliveryOutcome>((resolve) => {
      const end = (result: DeliveryOutcome['result']): void => {
        this.trails.delete(trail);
        resolve({ result, ...trail.outcome });
      };
      const onWaiting = (due: number | undefined): void => {
        if (delays === 'stop') end('waiting');
        else if (due !== undefined) this.skipTo(due);
      };
      const seen = (this.meanwhile = []);
      try {
        const placed = this.apps.queueAtBroker(queue, publish.connection);
        const { message } = this.put('', placed, payload, publish);
        trail = new MessageTrail(queue, placed, message, onWaiting, end);
      } finally {
        this.meanwhile = undefined;
      }
      this.trails.add(trail);
      for (const entry of seen) trail.see(entry);
    });
    return within(ended, { clock: this.environment.clock, timeout }, () => {
      this.trails.delete(trail);
      throw new HarnessTimeoutError(
        `no outcome of the message in '${queue}' after ${timeout} ms: ${trail.whereabouts}`,
      );
    });
  }

  /**
   * Publishes a message as another service does, and returns the names of the queues that got it. Await {@link idle} to
   * see the consequences.
   *
   * @throws HarnessPublishError if the exchange does not exist, no queue is bound, or a queue is full
   * @throws SerializationError
   */
  publish(
    exchange: string,
    routingKey: string,
    payload: unknown,
    options: HarnessPublishOptions = {},
  ): readonly string[] {
    return this.put(exchange, routingKey, payload, options).queues;
  }

  /**
   * Returns the messages that the applications have published and the broker has received, oldest first, as far as the
   * last 10,000 journal entries reach. Messages on their way to a retry or parked queue, and messages of the test, are
   * left out.
   *
   * @throws TypeError for a property or an outcome that messages do not have
   */
  published(match: PublishedMatch = {}): PublishedMessage[] {
    return this.messages.find(match);
  }

  /**
   * Resolves with the first matching message: one that was published already, else the next one.
   *
   * @throws HarnessTimeoutError if none is published in time
   * @throws ConfigurationError for an unknown option
   */
  async whenPublished(match: PublishedMatch, options: WaitOptions = {}): Promise<PublishedMessage> {
    return this.messages.next(match, this.waitLimit('whenPublished', options));
  }

  /**
   * Resolves when nothing is in flight: every delivery is settled, no queue with a consumer has a ready message, and
   * the broker has received every publish. Messages in delay queues do not count; {@link advance} moves them. Work
   * without a message, such as a timer, is unknown to the harness.
   *
   * @throws HarnessTimeoutError that says what is in flight
   * @throws ConfigurationError for an unknown option
   */
  async idle(options: WaitOptions = {}): Promise<void> {
    await this.quiet.wait(this.waitLimit('idle', options));
  }

  /**
   * Moves the broker's clock forward, and resolves when everything that became due is handled: retries,
   * delayed messages, TTLs, expiries.
   *
   * @param time ms, or a text such as `'1m'`
   * @throws HarnessTimeoutError if that takes too long
   * @throws ConfigurationError for an invalid duration or an unknown option
   */
  async advance(time: Duration, options: WaitOptions = {}): Promise<void> {
    const limit = this.waitLimit('advance', options);
    this.broker.advance(finiteTime(time, 'AmqpHarness.advance'));
    await this.quiet.wait(limit);
  }

  /**
   * Prepares for the next test: drops every ready message, ends all faults, and forgets published messages.
   * Declarations stay.
   */
  clear(): void {
    this.broker.faults.clear();
    this.broker.purge();
    this.broker.journal.clear();
  }

  /**
   * Closes the broker. Close the applications first. A broker that {@link AmqpTestingModule} started closes with its
   * application.
   */
  close(): Promise<void> {
    return this.broker.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private timeLimit(timeout: Duration = this.timeout): number {
    return timeLimit(timeout, 'AmqpHarness: timeout');
  }

  private waitLimit(method: string, options: WaitOptions): number {
    refuseUnknown(`AmqpHarness.${method}`, options, ['timeout']);
    return this.timeLimit(options.timeout);
  }

  private put(exchange: string, routingKey: string, payload: unknown, options: HarnessPublishOptions): PutIn {
    refuseUnknown('AmqpHarness', options, PUBLISH_OPTIONS);
    const { connection, ...properties } = options;
    const vhost = this.apps.vhostOf(connection);
    const { contentEncoding } = properties;
    const plain = this.apps.serializersOf(vhost).encode(payload, properties.contentType);
    const { body, ...told } = compressed(payload, plain, { contentEncoding });
    const identified =
      'messageId' in properties ? properties : { ...properties, messageId: this.environment.uniqueId() };
    const message = { vhost, exchange, routingKey, body, properties: { deliveryMode: 2, ...identified, ...told } };
    let put: PutIn;
    try {
      put = this.broker.publish(message);
    } catch (cause) {
      throw new HarnessPublishError(cause instanceof Error ? cause.message : String(cause), { cause });
    }
    if (put.queues.length > 0) return put;
    const where = exchange === '' ? `queue '${routingKey}'` : `queue bound to '${exchange}' for '${routingKey}'`;
    const there = this.broker.queues.filter((queue) => queue.vhost === vhost).map(({ name }) => `'${name}'`);
    throw new HarnessPublishError(
      `there is no ${where} that takes it, in vhost '${vhost}'; its queues: ${there.join(', ') || 'none, is the application started?'}`,
    );
  }

  /** Waits for the next turn, since this is called in the middle of the broker's work. */
  private skipTo(due: number): void {
    this.environment.clock.afterPendingEvents(() => this.broker.advance(Math.max(0, due - this.broker.now)));
  }
}

const PUBLISH_OPTIONS = namesOf({ connection: 0, ...MESSAGE_PROPERTIES } satisfies Record<
  keyof HarnessPublishOptions,
  0
>);

const HARNESS_OPTIONS = namesOf({ timeout: 0, vhosts: 0, broker: 0 } satisfies Record<keyof HarnessOptions, 0>);

/** @throws ConfigurationError */
export function checkHarnessOptions(options: HarnessOptions): void {
  refuseUnknown('AmqpHarness', options, HARNESS_OPTIONS);
  checkValues('AmqpHarness', options, { vhosts: OBJECT, broker: OBJECT });
  if (options.timeout !== undefined) timeLimit(options.timeout, 'AmqpHarness: timeout');
}
