import { FieldLogger, type LogFields } from '../../common/field-logger.js';
import {
  ConfigurationError,
  ConsumerCancelledError,
  NotFoundError,
  respondents,
  type Connection,
  type Consumer,
  type Delivery,
  type Survey,
  type Surveyed,
} from '../../../lib/client/index.js';
import { untilAborted } from '../../../lib/environment/index.js';
import { asError } from '../../common/as-error.js';
import type { Environment } from '../../common/environment.js';
import { mayPass } from '../../connection/may-pass.js';
import { retrying } from '../../common/retrying.js';
import { FAREWELL, isDoneWithin } from '../../common/waiting.js';
import type { ConsumeArguments } from './consume-arguments.js';
import type { ConsumerLimits } from './consumer-limits.js';
import { ConsumerStartError } from '../consumer.errors.js';
import type { ConsumerState, ConsumerStatus } from './consumer-status.js';
import { Registration, type RegistrationOwner } from './registration.js';
import type { DeliverySink } from '../sinks/delivery.sink.js';
import { ConsumerWindow } from '../../settlement/consumer-window.js';
import { describeError } from '../../common/log-text.js';

/** Waits between attempts to bring a consumer back, ms. The first attempt is immediate. */
const RESTORE = { first: 500, max: 15_000 } as const;

/** The dependencies of a supervised consumer. */
export interface SupervisionHost {
  /** The consumer's name in logs and errors, such as `BillingConsumer.onOrder`. */
  readonly name: string;
  /** Class and method of each handler. Default: the name is the only one. */
  readonly handlers?: readonly string[];
  /** The queue's name in logs and errors. */
  readonly queue: string;
  readonly environment: Pick<Environment, 'clock' | 'random'>;
  /** Time in ms for running handlers to finish when the consumer is stopped. */
  readonly gracePeriod: number;
  connect(): Promise<Connection>;
  /** Declares the queues of the consumer and its failed messages, before the first start. @throws AmqpError */
  prepare(): Promise<void>;
  /** Returns the present name of the queue at the broker. */
  queueName(): string;
  /** Declares the queue again if the application declares it. @throws AmqpError */
  restoreQueue(): Promise<void>;
  /** Returns true for an error after which no attempt can succeed. */
  isFinal(error: unknown): boolean;
  /** Called when the broker has cancelled the consumer. */
  onCancelled?(error: ConsumerCancelledError): void;
  /**
   * Called when the first attempt to restore the consumer has failed. @param reason the reason for the loss of the
   * consumer
   */
  onDown?(reason: Error): void;
  /** Called when the broker has registered the consumer, for the first time or again. */
  onConsuming?(): void;
}

/**
 * One consumer from the application's start to its end, across all losses of its channel and its queue:
 *
 *     starting ──▶ consuming ◀──▶ paused
 *                   │     ▲
 *          cancelled▼     │attached again                 stop(), or the connection closes for good ──▶ stopped
 *                  recovering
 */
export class SupervisedConsumer implements Surveyed {
  private readonly logger = new FieldLogger('AmqpConsumer');
  private readonly ended = new AbortController();
  private wanted: 'consuming' | 'paused' | 'stopped' = 'consuming';
  private started = false;
  private error: Error | undefined;
  /** They change by `adjust()` only. */
  private limits: Pick<ConsumeArguments, 'prefetch' | 'concurrency'>;
  private readonly window: ConsumerWindow;
  private readonly registration: Registration;
  private stopping: Promise<void> | undefined;
  /** Steps wait for one another: attach, pause, stop. */
  private step: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly host: SupervisionHost,
    options: ConsumeArguments,
    private readonly sink: DeliverySink,
  ) {
    const { prefetch, concurrency } = options;
    this.limits = { prefetch, ...(concurrency === undefined ? {} : { concurrency }) };
    const limits = () => this.limits;
    this.window = new ConsumerWindow({
      get prefetch() {
        return limits().prefetch;
      },
      held: () => sink.settler.held,
      isConsuming: () => this.wanted === 'consuming' && this.consumer?.active === true,
      registerAnew: () => this.registerAnew(),
    });
    this.registration = new Registration(this.registrationOwner(), options, sink);
  }

  /** `BillingConsumer.onOrder` */
  get name(): string {
    return this.host.name;
  }

  /** Class and method of each handler. */
  get handlers(): readonly string[] {
    return this.host.handlers ?? [this.host.name];
  }

  get queue(): string {
    return this.host.queue;
  }

  get status(): Omit<ConsumerStatus, 'connection'> {
    const { name, handlers, queue } = this;
    const { inFlight, handled, failed, settler } = this.sink;
    return {
      handler: name,
      handlers,
      queue,
      state: this.state,
      error: this.error,
      consumerTag: this.consumer?.active ? this.consumer.consumerTag : undefined,
      prefetch: this.limits.prefetch,
      concurrency: this.limits.concurrency,
      inFlight: inFlight + (this.consumer?.waiting ?? 0),
      handled: handled.total,
      failed: failed.total,
      stale: settler.stale,
      held: settler.held.length,
      slow: settler.slow,
      handledPerSecond: handled.perSecond,
      failedPerSecond: failed.perSecond,
    };
  }

  answer(survey: Survey): void {
    const { name: handler, queue, state, sink } = this;
    const waiting = this.consumer?.waiting ?? 0;
    survey.consumer({ queue, handler, state, running: sink.inFlight, waiting, held: sink.settler.held.length });
  }

  private get consumer(): Consumer | undefined {
    return this.registration.consumer;
  }

  private get state(): ConsumerState {
    if (this.wanted === 'stopped') return 'stopped';
    if (this.wanted === 'paused') return 'paused';
    if (this.consumer?.active) return 'consuming';
    return this.started ? 'recovering' : 'starting';
  }

  /** A getter, since the value changes during awaits. */
  private get stopped(): boolean {
    return this.wanted === 'stopped';
  }

  /** May be tried again. @throws ConsumerStartError */
  async start(): Promise<void> {
    respondents.add(this);
    try {
      await this.inTurn(async () => {
        // With `startup: 'background'` this may take long, and the application may stop meanwhile.
        await untilAborted(this.host.prepare(), this.ended.signal);
        await this.sink.position?.load();
        await this.attachToQueue();
      });
    } catch (error) {
      await this.registration.close();
      if (this.stopped) return;
      throw (this.error = this.startError(error));
    }
    if (!this.started) return;
    this.logger.log(`Consuming ${this.described}, prefetch ${this.limits.prefetch}`, this.fields);
    this.host.onConsuming?.();
  }

  /** Stops deliveries. Resolves when the broker has agreed. Running handlers continue. */
  async pause(): Promise<void> {
    if (this.wanted !== 'consuming') {
      // An earlier call may be waiting for the broker.
      await this.step;
      return;
    }
    this.wanted = 'paused';
    await this.inTurn(() => this.registration.detach());
    this.sink.flush();
    this.logger.log(`Paused the consumer of ${this.described}`, this.fields);
  }

  /** @throws ConsumerStartError if the queue cannot be consumed; the consumer stays paused then */
  async resume(): Promise<void> {
    if (this.wanted !== 'paused') return;
    this.wanted = 'consuming';
    try {
      await this.inTurn(() => this.attachToQueue());
    } catch (error) {
      if (this.wanted === 'consuming') this.wanted = 'paused';
      throw this.startError(error);
    }
    this.logger.log(`Resumed the consumer of ${this.described}`, this.fields);
  }

  /**
   * Stops deliveries, then waits until the running handlers have ended and their messages are settled. After the grace
   * period, unsettled messages are requeued.
   */
  stop(): Promise<void> {
    return (this.stopping ??= this.stopOnce());
  }

  /** Stops and closes everything that the consumer has opened, while the application goes on. */
  async retire(): Promise<void> {
    await this.stop();
    await this.sink.settler.close();
  }

  private async stopOnce(): Promise<void> {
    this.wanted = 'stopped';
    this.ended.abort();
    const { gracePeriod } = this.host;
    const { clock } = this.host.environment;
    const end = clock.now() + gracePeriod + FAREWELL / 2;
    const drained = await isDoneWithin(clock, gracePeriod, this.drain());
    if (drained) {
      // Acknowledgements are sent before the close, so they have arrived when the close is answered.
      await this.registration.close(end - clock.now());
      if (this.started) this.logger.log(`Stopped consuming ${this.described}`, this.fields);
    } else {
      this.logger.warn(
        `Stopped consuming ${this.described} with ${this.sink.inFlight} messages in their handlers, which had ` +
          `${gracePeriod} ms (gracePeriod): they go back to the queue`,
        this.fields,
      );
      await this.sink.cutOff();
      // The socket takes the acknowledgements of this turn at its end.
      await new Promise<void>((resolve) => clock.afterPendingEvents(resolve));
      await this.registration.close(0);
    }
    this.sink.abandon();
    respondents.delete(this);
    await this.sink.position?.save();
  }

  private async drain(): Promise<void> {
    await this.inTurn(() => this.leave());
    this.sink.flush();
    await this.sink.idle();
    // Requeues the messages that failed meanwhile and cannot leave their queue.
    this.sink.flush();
  }

  /**
   * Starts no more handlers. With a concurrency of 1 the order matters: waiting messages are kept until the channel
   * closes. The broker then requeues all of them at their places before the next consumer gets a message.
   */
  private async leave(): Promise<void> {
    if (this.limits.concurrency === 1) this.consumer?.hold();
    else await this.registration.detach();
  }

  /** Fits the window to the messages that cannot leave their queue and are held unacknowledged. */
  onHeldChange(): void {
    void this.window.onHeldChange();
  }

  private async registerAnew(): Promise<void> {
    try {
      await this.orRecover(() => this.renew());
    } catch {
      // The consumer is being restored.
    }
  }

  /** Lets the consumer be restored if the work fails. @throws the reason */
  private async orRecover(work: () => Promise<void>): Promise<void> {
    try {
      await this.inTurn(work);
    } catch (error) {
      if (this.wanted === 'consuming') void this.recover(asError(error));
      throw error;
    }
  }

  /**
   * Changes the limits. Another prefetch needs another registration: messages that no handler has started with return to the
   * queue, and running handlers continue. A consumer that is paused or being restored has the prefetch from its next
   * registration on.
   *
   * @throws ConfigurationError for a batch consumer; ConsumerStartError if the broker refuses: the earlier limits stay
   */
  async adjust(change: ConsumerLimits): Promise<void> {
    if (this.limits.concurrency === undefined) {
      throw new ConfigurationError(
        `${this.name} consumes batches, so adjust() cannot change its limits: set size, concurrency and prefetch in its options`,
      );
    }
    try {
      await this.orRecover(() => this.renewWith(change));
    } catch (error) {
      // The consumer has the new limits when the connection is there again.
      if (!mayPass(error)) throw this.startError(error);
    }
    const { prefetch, concurrency } = this.limits;
    this.logger.log(
      `Changed the limits of the consumer of ${this.described}: prefetch ${prefetch}, concurrency ${concurrency}`,
      this.fields,
    );
  }

  private async renewWith(change: ConsumerLimits): Promise<void> {
    const before = this.limits;
    this.limits = { ...before, ...change };
    this.limitHandlers();
    if (this.limits.prefetch === before.prefetch) return;
    try {
      await this.renew();
    } catch (error) {
      if (!mayPass(error)) this.limits = before;
      throw error;
    }
  }

  private async renew(): Promise<void> {
    if (this.wanted !== 'consuming' || !this.consumer?.active) return;
    await this.registration.detach();
    await this.attach();
  }

  /** Passes an unsettled delivery to the handler once more, in its turn. Returns false if there is no consumer now. */
  redeliver(delivery: Delivery): boolean {
    if (!this.consumer || this.consumer.ended) return false;
    this.consumer.deliver(delivery);
    return true;
  }

  /** Called when a message of a stream has failed and no later one may be handled. */
  async giveUp(cause: unknown): Promise<void> {
    await this.stop();
    this.error = asError(cause);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.step.then(work);
    this.step = turn.catch(() => {});
    return turn;
  }

  private async attach(): Promise<void> {
    if (this.wanted !== 'consuming' || this.consumer) return;
    const { prefetch } = this.window;
    this.limitHandlers();
    await this.registration.attach(prefetch);
    this.onHeldChange();
  }

  private registrationOwner(): RegistrationOwner {
    return {
      connect: () => this.host.connect(),
      queueName: () => this.host.queueName(),
      ended: this.ended.signal,
      onRegistered: () => {
        this.started = true;
        this.error = undefined;
      },
      // The client restores the consumer with the window that the lost messages needed.
      onRestored: () => this.onHeldChange(),
      onLost: (error) => {
        if (this.wanted === 'consuming') void this.recover(error);
      },
    };
  }

  /** A window that has grown for held messages lets no more handlers run. */
  private limitHandlers(): void {
    const { prefetch, concurrency = Infinity } = this.limits;
    this.registration.limitHandlers(this.window.grown ? Math.min(prefetch, concurrency) : concurrency);
  }

  /**
   * Restores the queue if it was deleted while it had no consumer, since the broker reports a deletion only to
   * consumers.
   */
  private async attachToQueue(): Promise<void> {
    try {
      await this.attach();
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      await this.host.restoreQueue();
      await this.attach();
    }
  }

  private async recover(reason: Error): Promise<void> {
    this.error = reason;
    this.logger.warn(
      `Lost the consumer of ${this.described}: ${describeError(reason)}. It is being restored.`,
      this.fields,
    );
    if (reason instanceof ConsumerCancelledError) this.host.onCancelled?.(reason);
    const { environment } = this.host;
    let down = false;
    const onFailure = (error: unknown): void => {
      this.noteFailure(error);
      if (this.host.isFinal(error)) this.wanted = 'stopped';
      if (this.wanted !== 'consuming') throw error;
      if (!down) this.host.onDown?.(reason);
      down = true;
    };
    try {
      await retrying(() => this.restore(), { environment, ...RESTORE, signal: this.ended.signal }, onFailure);
    } catch {
      // The consumer is paused or stopped.
      return;
    }
    if (!this.consumer) return;
    this.logger.log(`Consuming ${this.described} again`, this.fields);
    this.host.onConsuming?.();
  }

  private async restore(): Promise<void> {
    await this.host.restoreQueue();
    await this.inTurn(() => this.attach());
  }

  /** Repetitions of the same reason are not logged. */
  private noteFailure(error: unknown): void {
    const failure = asError(error);
    if (this.error?.message !== failure.message) {
      this.logger.error(
        `Cannot consume ${this.described} yet: ${describeError(failure)}. It is tried again and again.`,
        this.fields,
      );
    }
    this.error = failure;
  }

  private get fields(): LogFields {
    return { queue: this.queue, handler: this.name };
  }

  private get described(): string {
    return `queue '${this.queue}' in ${this.name}`;
  }

  private startError(error: unknown): ConsumerStartError {
    return new ConsumerStartError(this.name, this.queue, error);
  }
}
