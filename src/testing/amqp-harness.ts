import { EmbeddedBroker, type BrokerOptions, type JournalEntry, type PutIn } from '../../lib/broker/index.js';
import type { OutgoingProperties } from '../../lib/client/index.js';
import { systemEnvironment, type Environment } from '../common/environment.js';
import { milliseconds, timeLimit, type Duration } from '../common/duration.js';
import { AttachedApps } from './attached-apps.js';
import type { DeliveryOutcome } from './delivery-outcome.js';
import { MessageTrail } from './message-trail.js';
import { PublishedMessages, type PublishedMatch, type PublishedMessage } from './published-messages.js';
import { Quiet } from './quiet.js';
import { HarnessPublishError, HarnessTimeoutError } from './testing.errors.js';

/** Less than the 5 s that Jest and Vitest give a test: our error says more than theirs. In ms. */
const DEFAULT_TIMEOUT = 4_000;

/**
 * Options of {@link AmqpHarness.start}.
 *
 * @publicApi
 */
export interface HarnessOptions {
  /** Until what a test waits for has to be there, in real time: ms, or `'4s'`. Default 4 s, less than a test has. */
  readonly timeout?: Duration;
  /**
   * Virtual hosts of connections, by their names. Default: what their URLs say. Brokers are told apart by virtual host: give
   * two that have the same one different ones here.
   */
  readonly vhosts?: Readonly<Record<string, string>>;
  /** Of the {@link EmbeddedBroker}: `log`, `memoryLimit`, … */
  readonly broker?: Omit<BrokerOptions, 'vhosts'>;
}

/** How a test publishes: the properties of the message, and where to. `messageId` is random unless it is given. */
export interface HarnessPublishOptions extends OutgoingProperties {
  /** Name of the application's connection whose virtual host it is for, and whose serializers encode it. Default: that without a name. */
  readonly connection?: string;
}

export interface DeliverOptions extends HarnessPublishOptions {
  /**
   * What to do when the message waits for its retry. `skip`: move the broker's clock to its end. `stop`: resolve, as `waiting`;
   * {@link AmqpHarness.advance} then moves the clock. Default `skip`.
   */
  readonly delays?: 'skip' | 'stop';
  /** Until its outcome has to be known, in real time: ms, or `'4s'`; Infinity for no limit. Default: the harness's. */
  readonly timeout?: Duration;
}

/** How long to wait. */
export interface WaitOptions {
  /** In real time: ms, or `'4s'`; Infinity for no limit. Default: the harness's. */
  readonly timeout?: Duration;
}

/**
 * An embedded broker and what a test asks of it. Import {@link AmqpTestingModule} beside the application's module: its
 * connections then lead here, over the real protocol, and all else of it runs as it is.
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
  /** Its waits are in real time, whatever clock the broker and the applications have. */
  private readonly environment: Environment = systemEnvironment;
  private readonly trails = new Set<MessageTrail>();
  /** In ms. */
  private readonly timeout: number;
  /** What happens while a message is put in, which is known only afterwards. */
  private meanwhile: JournalEntry[] | undefined;

  private constructor(
    /** The broker: `faults` to break things, `journal` for what it saw, `queues` for what is where. */
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

  /** Starts one, with a broker on a free port of the loopback interface, which does not keep the process alive. */
  static async start(options: HarnessOptions = {}): Promise<AmqpHarness> {
    const broker = await EmbeddedBroker.start(options.broker);
    broker.unref();
    return new AmqpHarness(broker, options);
  }

  /** The broker, for what makes connections of its own: `new AmqpServer({ urls: [harness.url], … })`. */
  get url(): string {
    return this.broker.url;
  }

  /**
   * Puts a message into a queue and resolves with what became of it, after all its attempts: acked, parked, … Retry delays
   * of the broker are skipped. Those of exclusive queues wait in the application, by the real clock.
   *
   * @param payload encoded as a publisher does: anything JSON can hold, a string, or bytes
   * @throws HarnessPublishError: there is no such queue, or it is full
   * @throws HarnessTimeoutError: no outcome in time; it says where the message is
   * @throws SerializationError
   */
  async deliver(queue: string, payload: unknown, options: DeliverOptions = {}): Promise<DeliveryOutcome> {
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
      const { message } = this.put('', queue, payload, publish);
      trail = new MessageTrail(queue, message, onWaiting, end);
      this.trails.add(trail);
      for (const entry of seen) trail.see(entry);
    });
    return this.inTime(ended, timeout, () => {
      this.trails.delete(trail);
      return `no outcome of the message in '${queue}' after ${timeout} ms: ${trail.whereabouts}`;
    });
  }

  /**
   * Publishes as some other service would, and returns the queues that the message went to: a test of bindings. Await
   * {@link idle} for what comes of it.
   *
   * @throws HarnessPublishError: there is no such exchange, no queue is bound, or one is full
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
   * What the applications have published and the broker has seen, the oldest first: 10,000 entries of its journal. What is on
   * its way to a retry or parked queue is not among it, nor what the test has put in.
   *
   * @throws TypeError for a property that messages do not have
   */
  published(match: PublishedMatch = {}): PublishedMessage[] {
    return this.messages.find(match);
  }

  /**
   * The first such message: one that was published already, else the next that is.
   *
   * @throws HarnessTimeoutError when none comes
   */
  async whenPublished(match: PublishedMatch, { timeout }: WaitOptions = {}): Promise<PublishedMessage> {
    return this.messages.next(match, this.timeLimit(timeout));
  }

  /**
   * Resolves when nothing is in flight: nothing unacknowledged, nothing ready that somebody consumes, no publish that the broker
   * has not seen. What waits in delay queues needs {@link advance}; what your code does without a message it cannot know.
   *
   * @throws HarnessTimeoutError that says what is in flight
   */
  async idle({ timeout }: WaitOptions = {}): Promise<void> {
    await this.quiet.wait(this.timeLimit(timeout));
  }

  /**
   * Moves the broker's clock forward, and resolves when all that was due meanwhile is dealt with: retries, TTLs, expiries.
   *
   * @param time ms, or `'1m'`
   * @throws HarnessTimeoutError, ConfigurationError for what is no duration
   */
  async advance(time: Duration, options?: WaitOptions): Promise<void> {
    this.broker.advance(milliseconds(time, 'AmqpHarness.advance'));
    await this.idle(options);
  }

  /** Between tests: drops every ready message, ends faults, forgets what was published. What is declared stays. */
  clear(): void {
    this.broker.faults.clear();
    this.broker.purge();
    this.broker.journal.clear();
  }

  /** Closes the broker, after the applications. One that {@link AmqpTestingModule} has started is closed with the application. */
  close(): Promise<void> {
    return this.broker.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private timeLimit(timeout: Duration = this.timeout): number {
    return timeLimit(timeout, 'AmqpHarness: timeout');
  }

  private put(exchange: string, routingKey: string, payload: unknown, options: HarnessPublishOptions): PutIn {
    const { connection, ...properties } = options;
    const vhost = this.apps.vhostOf(connection);
    const { body, contentType } = this.apps.serializersOf(vhost).encode(payload, properties.contentType);
    const identified =
      'messageId' in properties ? properties : { ...properties, messageId: this.environment.uniqueId() };
    const message = { vhost, exchange, routingKey, body, properties: { deliveryMode: 2, ...identified, contentType } };
    let put: PutIn;
    try {
      put = this.broker.publish(message);
    } catch (cause) {
      throw new HarnessPublishError(cause instanceof Error ? cause.message : String(cause), { cause });
    } finally {
      this.meanwhile = undefined;
    }
    if (put.queues.length > 0) return put;
    const where = exchange === '' ? `queue '${routingKey}'` : `queue bound to '${exchange}' for '${routingKey}'`;
    const there = this.broker.queues.filter((queue) => queue.vhost === vhost).map(({ name }) => `'${name}'`);
    throw new HarnessPublishError(
      `there is no ${where} that takes it, in vhost '${vhost}'; its queues: ${there.join(', ') || 'none, is the application started?'}`,
    );
  }

  /** Not in the middle of the broker's work, which is where we hear of it. */
  private skipTo(due: number): void {
    this.environment.clock.afterPendingEvents(() => this.broker.advance(Math.max(0, due - this.broker.now)));
  }

  private async inTime<T>(work: Promise<T>, timeout: number, describe: () => string): Promise<T> {
    let cancel = (): void => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.environment.clock.after(timeout, () => reject(new HarnessTimeoutError(describe())));
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      cancel();
    }
  }
}
