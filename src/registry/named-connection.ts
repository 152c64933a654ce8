import { FieldLogger } from '../common/field-logger.js';
import { count, PREFETCH } from '../common/count.js';
import { timeLimit } from '../common/duration.js';
import { ConfirmingPublisher } from '../publishers/confirming.publisher.js';
import { MessageSerializers } from '../serialization/message-serializers.js';
import { AmqpConnections } from '../connection/amqp-connections.js';
import { mayPass } from '../connection/may-pass.js';
import { DeclaredStaircase, type LandingAttendant } from '../delay/declared-staircase.js';
import { FAREWELL, isDoneWithin } from '../common/waiting.js';
import { LastReason, retrying } from '../common/retrying.js';
import type { RpcErrors } from '../rpc/told-error.js';
import type { AmqpModuleOptions } from './amqp-module.options.js';
import { ConnectionEvents } from '../connection/connection-events.js';
import { checkedPublisherOptions, type CheckedPublisherOptions } from '../publishers/publisher-options.js';
import type { Environment } from '../common/environment.js';

/** Delay before background work that needs the broker is tried again, ms. */
const RETRY_DELAY = { first: 1_000, max: 30_000 } as const;

/** Likewise, while the application starts. */
const START_DELAY = { first: 100, max: 1_000 } as const;

const DEFAULT_PREFETCH = 10;
/** ms. */
const DEFAULT_GRACE_PERIOD = 10_000;

/** Everything that one `AmqpModule.forRoot()` provides under its name. */
export class NamedConnection {
  readonly connections: AmqpConnections;
  readonly serializers: MessageSerializers;
  readonly events = new ConnectionEvents();
  readonly staircase: DeclaredStaircase;
  readonly publisher: ConfirmingPublisher;
  /** Defaults of publishers. */
  readonly publishing: CheckedPublisherOptions;
  /** Default prefetch of consumers. */
  readonly prefetch: number;
  /** Default of `errors` of RPC handlers. */
  readonly rpcErrors: RpcErrors;
  /** ms. */
  readonly gracePeriod: number;
  private readonly logger = new FieldLogger('AmqpConnection');
  private readonly stop = new AbortController();
  /** Ms that are left of the stop, in all. */
  private stopTime: number;
  private readonly publishers: ConfirmingPublisher[] = [];
  private attendant: LandingAttendant | undefined;

  /** @param place owner of the options, for errors @throws ConfigurationError */
  constructor(
    readonly name: string,
    readonly options: AmqpModuleOptions,
    place = 'AmqpModule.forRoot()',
  ) {
    const { prefetch = DEFAULT_PREFETCH, gracePeriod = DEFAULT_GRACE_PERIOD, publishing = {} } = options;
    this.prefetch = count(prefetch, `${place}: prefetch`, PREFETCH);
    this.gracePeriod = timeLimit(gracePeriod, `${place}: gracePeriod`);
    this.stopTime = this.gracePeriod + FAREWELL;
    this.publishing = checkedPublisherOptions(`${place}: publishing`, publishing);
    this.rpcErrors = options.rpcErrors ?? 'exceptions';
    this.connections = new AmqpConnections(name, options, place);
    this.staircase = new DeclaredStaircase(this.connections, () => this.connections.topology.declare === 'assert');
    this.serializers = new MessageSerializers(options, options.connection?.maxMessageSize);
    this.publisher = this.createPublisher();
  }

  /** Clock and randomness, from the connection's options. */
  get environment(): Environment {
    return this.connections.environment;
  }

  /** From here on, somebody attends the landings of delayed messages, until `close()`. */
  employ(attendant: LandingAttendant): void {
    this.attendant = attendant;
    this.staircase.employ(attendant);
  }

  /** @throws the errors of {@link AmqpConnections.open}, with `startup: 'wait'` */
  async start(): Promise<void> {
    const opening = this.connections.open();
    if (this.options.startup !== 'background') await opening;
  }

  /** Creates a publisher with its own channel. The connection's options are its defaults. */
  createPublisher(options: CheckedPublisherOptions = {}): ConfirmingPublisher {
    const publisher = new ConfirmingPublisher(this, { ...this.publishing, ...options });
    this.publishers.push(publisher);
    return publisher;
  }

  /**
   * Runs work that needs the broker, and runs it again if it fails. With `startup: 'wait'` the work is part of the start: an
   * error that waiting does not mend fails the start at once, any other after `startupTimeout`. With `'background'` the
   * method resolves at once, and the work runs when the connection is open.
   *
   * @throws what the work throws
   */
  async whenOpen(work: () => Promise<void>): Promise<void> {
    const { environment, options, connections, stop } = this;
    const inBackground = options.startup === 'background';
    const end = environment.clock.now() + connections.startupTimeout;
    const waits = { environment, ...(inBackground ? RETRY_DELAY : START_DELAY), signal: stop.signal };
    const told = new LastReason();
    const done = retrying(work, waits, (error, delay) => {
      if (inBackground) {
        const reason = error instanceof Error ? error.message : String(error);
        if (told.isNew(reason)) this.logger.error(reason, { connection: this.name });
      }
      // The work is repeated after a loss of the connection, too.
      else if (!mayPass(error) || environment.clock.now() + delay > end) throw error;
    });
    const ended = done.catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    if (!inBackground) await ended;
  }

  /** Counts a phase of the stop that comes before `close()`: all phases together have the grace period and a second. */
  async spend(phase: Promise<void>): Promise<void> {
    const { clock } = this.environment;
    const from = clock.now();
    try {
      await phase;
    } finally {
      this.stopTime -= clock.now() - from;
    }
  }

  /** Waits for outstanding confirms as long as the stop may still take, then closes. May be called more than once. */
  async close(): Promise<void> {
    this.stop.abort();
    this.connections.giveUp();
    const { clock } = this.environment;
    const end = clock.now() + Math.max(this.stopTime, FAREWELL / 2);
    const work = Promise.all([this.attendant?.close(), ...this.publishers.map((publisher) => publisher.close())]);
    await isDoneWithin(clock, end - clock.now(), work);
    await this.connections.close(Math.max(1, end - clock.now()));
    this.events.complete();
  }
}
