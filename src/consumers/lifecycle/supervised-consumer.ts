import { FieldLogger, type LogFields } from '../../common/field-logger.js';
import {
  ChannelClosedError,
  ConsumerCancelledError,
  NotFoundError,
  TRACES_ITSELF,
  type Channel,
  type Connection,
  type Consumer,
  type Delivery,
} from '../../../lib/client/index.js';
import { untilAborted } from '../../../lib/environment/index.js';
import type { Environment } from '../../common/environment.js';
import { retrying } from '../../common/retrying.js';
import { UntilClosed } from '../../common/until-closed.js';
import { FAREWELL, isDoneWithin } from '../../common/waiting.js';
import type { ConsumeArguments } from './consume-arguments.js';
import { ConsumerStartError } from '../consumer.errors.js';
import type { ConsumerState, ConsumerStatus } from './consumer-status.js';
import type { DeliverySink } from '../sinks/delivery.sink.js';
import { ConsumerWindow } from '../../settlement/consumer-window.js';
import { describeError } from '../../common/log-text.js';

/** Waits between attempts to bring a consumer back, ms. The first attempt is immediate. */
const RESTORE = { first: 500, max: 15_000 } as const;

/** One delivery may be several attempts, or part of a batch. */
const SINKS_TRACE = { [TRACES_ITSELF]: true } as const;

/** The dependencies of a supervised consumer. */
export interface SupervisionHost {
  /** The consumer's name in logs and errors, such as `BillingConsumer.onOrder`. */
  readonly name: string;
  /** The queue's name in logs and errors. */
  readonly queue: string;
  readonly environment: Pick<Environment, 'clock' | 'random'>;
  /** Milliseconds that handlers have to finish in, once the consumer is stopped. */
  readonly gracePeriod: number;
  connect(): Promise<Connection>;
  /** Declares what the consumer and its failed messages need, before the first start. @throws AmqpError */
  prepare(): Promise<void>;
  /** Returns the name that the queue has at the broker now. */
  queueName(): string;
  /** Declares the queue again where it was declared here. @throws AmqpError */
  restoreQueue(): Promise<void>;
  /** Returns true for an error after which no attempt can succeed. */
  isFinal(error: unknown): boolean;
  /** The broker has cancelled the consumer. */
  onCancelled?(error: ConsumerCancelledError): void;
  /** The first attempt to restore the consumer failed. @param reason why the consumer was lost */
  onDown?(reason: Error): void;
  /** The consumer is with the broker, for the first time or again. */
  onConsuming?(): void;
}

/**
 * One consumer from the application's start to its end, across whatever happens to its channel and its queue:
 *
 *     starting ──▶ consuming ◀──▶ paused
 *                   │     ▲
 *          cancelled▼     │attached again                 stop(), or the connection closes for good ──▶ stopped
 *                  recovering
 *
 * Has a channel of its own: what closes a channel, an unknown queue for one, takes all of its consumers with it.
 */
export class SupervisedConsumer {
  private readonly logger = new FieldLogger('AmqpConsumer');
  private readonly ended = new AbortController();
  private wanted: 'consuming' | 'paused' | 'stopped' = 'consuming';
  private started = false;
  private error: Error | undefined;
  private readonly window: ConsumerWindow;
  private readonly channel = new UntilClosed<Channel>();
  private readonly registered = new UntilClosed<Consumer>();
  private stopping: Promise<void> | undefined;
  /** Steps wait for one another: attach, pause, stop. */
  private step: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly host: SupervisionHost,
    private readonly options: ConsumeArguments,
    private readonly sink: DeliverySink,
  ) {
    this.window = new ConsumerWindow({
      prefetch: options.prefetch,
      held: () => sink.settler.held,
      isConsuming: () => this.wanted === 'consuming' && this.consumer?.active === true,
      registerAnew: () => this.registerAnew(),
    });
  }

  /** `BillingConsumer.onOrder` */
  get name(): string {
    return this.host.name;
  }

  get queue(): string {
    return this.host.queue;
  }

  get status(): ConsumerStatus {
    const { name, queue } = this;
    const { inFlight, handled, failed, settler } = this.sink;
    return {
      handler: name,
      queue,
      state: this.state,
      error: this.error,
      consumerTag: this.consumer?.active ? this.consumer.consumerTag : undefined,
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

  private get consumer(): Consumer | undefined {
    return this.registered.value;
  }

  private get state(): ConsumerState {
    if (this.wanted === 'stopped') return 'stopped';
    if (this.wanted === 'paused') return 'paused';
    if (this.consumer?.active) return 'consuming';
    return this.started ? 'recovering' : 'starting';
  }

  /** A getter, since it changes while others are waited for. */
  private get stopped(): boolean {
    return this.wanted === 'stopped';
  }

  /** May be tried again. @throws ConsumerStartError */
  async start(): Promise<void> {
    try {
      await this.inTurn(async () => {
        // With `startup: 'background'` that may take long, and the application may stop meanwhile.
        await untilAborted(this.host.prepare(), this.ended.signal);
        await this.sink.position?.load();
        await this.attachToQueue();
      });
    } catch (error) {
      await this.channel.value?.close();
      if (this.stopped) return;
      throw (this.error = this.startError(error));
    }
    if (!this.started) return;
    this.logger.log(`Consuming ${this.described}, prefetch ${this.options.prefetch}`, this.fields);
    this.host.onConsuming?.();
  }

  /** No new messages; resolves once the broker has agreed. Handlers that run go on. */
  async pause(): Promise<void> {
    if (this.wanted !== 'consuming') {
      // An earlier call may be waiting for the broker.
      await this.step;
      return;
    }
    this.wanted = 'paused';
    await this.inTurn(() => this.detach());
    this.sink.flush();
    this.logger.log(`Paused the consumer of ${this.described}`, this.fields);
  }

  /** @throws ConsumerStartError when the queue cannot be consumed; it stays paused then */
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
   * No new messages, then the ones being handled to their end, their settlement included. What is not done within the
   * grace period goes back to its queue.
   */
  stop(): Promise<void> {
    return (this.stopping ??= this.stopOnce());
  }

  private async stopOnce(): Promise<void> {
    this.wanted = 'stopped';
    this.ended.abort();
    const { gracePeriod } = this.host;
    const { clock } = this.host.environment;
    const end = clock.now() + gracePeriod + FAREWELL / 2;
    const drained = await isDoneWithin(clock, gracePeriod, this.drain());
    if (drained) {
      // Acknowledgements are on their way before the close is, so they have arrived when that is answered.
      await this.channel.value?.close({ timeout: end - clock.now() });
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
      await this.channel.value?.close({ timeout: 1 });
    }
    this.sink.abandon();
    await this.sink.position?.save();
  }

  private async drain(): Promise<void> {
    await this.inTurn(() => this.leave());
    this.sink.flush();
    await this.sink.idle();
    // Gives back the messages that failed meanwhile and cannot leave their queue.
    this.sink.flush();
  }

  /**
   * Begins nothing more. Where one message is handled after the other, order matters: what has not begun is kept until the
   * channel closes, when the broker requeues all of it at its place before the next consumer gets anything.
   */
  private async leave(): Promise<void> {
    if (this.options.concurrency === 1) this.consumer?.hold();
    else await this.detach();
  }

  /** One more message cannot leave its queue, and is held unacknowledged. */
  onHeld(): void {
    void this.window.onHeld();
  }

  private async registerAnew(): Promise<void> {
    try {
      await this.inTurn(async () => {
        if (this.wanted !== 'consuming' || !this.consumer?.active) return;
        await this.detach();
        await this.attach();
      });
    } catch (error) {
      if (this.wanted === 'consuming') void this.recover(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Hands an unsettled delivery to the handler once more, when it is its turn. False: nothing is consumed now. */
  redeliver(delivery: Delivery): boolean {
    if (!this.consumer || this.consumer.ended) return false;
    this.consumer.deliver(delivery);
    return true;
  }

  /** A message of a stream failed, and none is to be handled after it. */
  async giveUp(cause: unknown): Promise<void> {
    await this.stop();
    this.error = cause instanceof Error ? cause : new Error(String(cause));
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.step.then(work);
    this.step = turn.catch(() => {});
    return turn;
  }

  private async attach(): Promise<void> {
    if (this.wanted !== 'consuming' || this.consumer) return;
    const channel = await this.openChannel();
    // A stop does not wait longer than its grace period, and nothing may begin behind it.
    if (this.stopped) return;
    const { prefetch: _, ...options } = this.options;
    const registering = channel.basicConsume(this.host.queueName(), (delivery) => this.sink.handle(delivery), {
      ...options,
      ...SINKS_TRACE,
      // Asked for anew each time that the consumer is registered, after a reconnect too: a stream goes on where it was.
      get arguments() {
        return options.arguments();
      },
      // It is restored here: the client would do so in silence, and once only.
      onCancel: () => {},
      onTooLarge: (delivery, size, limit) => {
        void this.sink.handleTooLarge(delivery, size, limit);
      },
    });
    const consumer = this.registered.use(await registering);
    this.started = true;
    this.error = undefined;
    void consumer.closed.then((error) => {
      if (error && this.wanted === 'consuming') void this.recover(error);
    });
  }

  /** Restores the queue if it was deleted while nobody consumed it: the broker tells only consumers of a deletion. */
  private async attachToQueue(): Promise<void> {
    try {
      await this.attach();
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      await this.host.restoreQueue();
      await this.attach();
    }
  }

  private async openChannel(): Promise<Channel> {
    if (this.channel.value) return this.channel.value;
    const connection = await untilAborted(this.host.connect(), this.ended.signal);
    const channel = this.channel.use(await connection.openChannel({ prefetch: this.options.prefetch }));
    channel.on('lost', (error) => this.sink.abandon(error));
    void channel.closed.then((error) => {
      this.sink.abandon(
        error ?? (this.stopped ? undefined : new ChannelClosedError('its channel was closed', 'unknown')),
      );
    });
    return channel;
  }

  private async detach(): Promise<void> {
    const { consumer } = this;
    if (!consumer) return;
    try {
      await consumer.cancel();
    } catch {
      // Where the connection breaks now, the broker requeues; closing the channel keeps the consumer from coming back.
      await this.channel.value?.close();
    }
    this.registered.forget();
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
      // It is paused or stopped.
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

  /** The same reason is logged once, however often it comes. */
  private noteFailure(error: unknown): void {
    const failure = error instanceof Error ? error : new Error(String(error));
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
