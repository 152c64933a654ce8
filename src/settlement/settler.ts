import { FieldLogger } from '../common/field-logger.js';
import type { Clock } from '../../lib/environment/index.js';
import type { Environment } from '../common/environment.js';
import { TracedProcess, tracesProcesses, type Delivery } from '../../lib/client/index.js';
import { AmqpContext, type Work } from './amqp-context.js';
import type { ConsumerFailure } from './consumer-failure.js';
import { decide, type Decision } from './decision.js';
import { deliveriesBefore } from './delivery-limit.js';
import { Departures, type DepartureEnd } from './departures.js';
import type { BrokerFacts, Detour } from './detour.js';
import { FailureLog, type FailureReport } from './failure-log.js';
import { failureReason } from './failure-reason.js';
import { Handlings, type SlowHandlers } from './handlings.js';
import type { HandlerTrace } from './handling.js';
import { HeldDeliveries } from './held-deliveries.js';
import { failureOf, type Failure, type Outcome } from './outcome.js';
import { recordOf } from './retry/failure-record.js';
import { CannotRetryError } from './retry/retry.errors.js';
import { parkedQueueName } from './retry/settlement-queue-names.js';
import type { RetryPolicy } from './retry/retry-policy.js';
import { afterFailure, initialState, stateOf, type RetryState } from './retry/retry-state.js';
import { DeliveryLimitError, MessageTooLargeError, StaleDeliveryError } from './settlement.errors.js';

/** The part of a consumer that its settlements use. */
export interface SettledConsumer {
  /** `BillingConsumer.onOrder` */
  readonly name: string;
  /** Returns the handler of one message, where several share the consumer; undefined if it has none. */
  readonly handlerOf?: ((context: AmqpContext) => string | undefined) | undefined;
  readonly queue: string;
  readonly ack: 'auto' | 'manual';
  /** Ms that a handler may run; undefined for no limit. */
  readonly timeout: number | undefined;
  /**
   * Passes an unsettled delivery to the handler once more, within the consumer's concurrency, for queues whose retries
   * wait in the process. `Settler.contextOf` knows the attempt. Returns false if the consumer is paused or being
   * restored; the delivery stays unchanged then.
   */
  redeliver(delivery: Delivery): boolean;
  /** Ends the consumer of a stream before the failed message. */
  stop(cause: unknown): void;
  /** Called when the number of messages changes that cannot leave their queue and are held unsettled. */
  onHeldChange(): void;
}

/** Delay (ms) before requeueing a redelivered message; requeueing at once would spin. */
const REQUEUE_PAUSE = 1_000;

/** The shared promise of messages that are settled at once. */
const SETTLED = Promise.resolve();

/** The facts before `prepare()`: no history is trusted, and no limit is known. */
const UNKNOWN: BrokerFacts = { user: undefined, deliveryLimit: Infinity };

/**
 * The only place where messages of a consumer are settled: single messages, items of a batch and requests. A message is
 * acknowledged only after it was handled, or after the broker has confirmed its copy in the next queue.
 */
export class Settler {
  private readonly logger = new FieldLogger('AmqpConsumer');
  private readonly log: FailureLog;
  private readonly waiting: HeldDeliveries;
  private readonly departures: Departures;
  /** @internal The running handlers. */
  readonly handlings: Handlings<Work>;
  /** The states of messages that wait for their retry in the process. */
  private readonly retryStates = new WeakMap<Delivery, RetryState>();
  /** Deliveries whose channel was lost while they were handled. */
  private readonly staleDeliveries = new WeakSet<Delivery>();
  private readonly clock: Clock;
  private facts = UNKNOWN;
  private staleCount = 0;
  private lossCount = 0;

  constructor(
    private readonly consumer: SettledConsumer,
    private readonly policy: RetryPolicy,
    private readonly detour: Detour,
    report: (failure: ConsumerFailure) => void,
    environment: Pick<Environment, 'clock' | 'random'>,
  ) {
    const { clock } = environment;
    this.clock = clock;
    const nameOf = (delivery: Delivery): string => this.nameOf(delivery);
    this.log = new FailureLog(this.logger, { consumer, nameOf }, policy.attempts, report);
    this.waiting = new HeldDeliveries(clock);
    this.departures = new Departures(clock, () => consumer.onHeldChange());
    this.handlings = new Handlings(environment, consumer, ({ contexts }, ms) => this.log.slow(contexts, ms));
  }

  /** Called before the consumer starts. @throws MissingQueueError if the queues are missing and may not be declared */
  async prepare(): Promise<void> {
    this.facts = await this.detour.prepare();
  }

  /**
   * Creates the context for a handler. Only the settler knows the attempts of messages that wait in the process.
   *
   * @param trace see {@link traceOf}
   */
  contextOf(delivery: Delivery, trace?: HandlerTrace): AmqpContext {
    const { queue } = this.consumer;
    const context = new AmqpContext(delivery, queue, this.stateBefore(delivery));
    context.handling.trace = trace;
    return context;
  }

  /** @internal The trace of one attempt at a message; undefined without subscribers. */
  traceOf(delivery: Delivery): TracedProcess | undefined {
    if (!tracesProcesses()) return undefined;
    const attempt = (this.stateBefore(delivery)?.failed ?? 0) + 1;
    return new TracedProcess(this.consumer.queue, [delivery], { handler: this.nameOf(delivery), attempt });
  }

  /** @internal The trace of one attempt at a batch; undefined without subscribers. */
  traceBatch(items: readonly { readonly context: AmqpContext }[]): TracedProcess | undefined {
    if (!tracesProcesses()) return undefined;
    const { name: handler, queue } = this.consumer;
    const deliveries = items.map(({ context }) => context.delivery);
    return new TracedProcess(queue, deliveries, { handler, batch: true });
  }

  /** Settles a message that fails before its handler is called. Never rejects. */
  refuse(delivery: Delivery, refusal: Failure): Promise<void> {
    const trace = this.traceOf(delivery);
    if (!trace) return this.settle(delivery, refusal);
    return trace.run(() => {
      trace.fail(refusal.error);
      return this.settle(delivery, refusal);
    });
  }

  /** Returns the failure of a message that must not reach its handler; undefined if it may. */
  refusalOf(delivery: Delivery): Failure | undefined {
    const { deliveryLimit } = this.facts;
    if (deliveryLimit === Infinity || !delivery.redelivered || delivery.settled) return undefined;
    const before = deliveriesBefore(delivery);
    if (before < deliveryLimit) return undefined;
    return failureOf(new DeliveryLimitError(before, deliveryLimit), { refused: true });
  }

  /**
   * Calls the handler and waits for it within the consumer's `timeout`.
   *
   * @throws HandlerTimeoutError, or the handler's error
   */
  async inTime<T>(work: Work, handler: () => Promise<T>): Promise<T> {
    this.handlings.begin(work);
    try {
      return await this.handlings.inTime(work, handler());
    } finally {
      this.handlings.end(work);
    }
  }

  /**
   * Settles the message by its outcome. Never rejects. Resolves when the message is settled, or waits for its retry in
   * the process. Ignores a message that the handler has settled, and a stale one.
   */
  settle(delivery: Delivery, outcome: Outcome): Promise<void> {
    if (this.isStale(delivery)) return SETTLED;
    if (!outcome.ok) return this.settleFailure(delivery, outcome);
    if (this.consumer.ack === 'auto') this.finish(delivery);
    return SETTLED;
  }

  /**
   * Settles a message that was delivered without its body, since it exceeds the connection's `maxMessageSize`. Never
   * rejects.
   */
  async settleTooLarge(delivery: Delivery, size: number, limit: number): Promise<void> {
    await this.refuse(delivery, failureOf(new MessageTooLargeError(size, limit), { refused: true }));
  }

  /**
   * Returns true if the channel of the delivery was lost while it was handled, so that the outcome of its handler does
   * not count.
   */
  isStale(delivery: Delivery): boolean {
    return this.staleCount > 0 && this.staleDeliveries.has(delivery);
  }

  /** Number of channels that were lost since the start. A delivery of a lost channel must not start. */
  get losses(): number {
    return this.lossCount;
  }

  /** Number of messages that became stale since the start. */
  get stale(): number {
    return this.staleCount;
  }

  /** Failed messages that cannot leave their queue yet. */
  get held(): readonly Delivery[] {
    return this.departures.held;
  }

  /** Number of messages that wait in the process for their retry. */
  get retrying(): number {
    return this.waiting.count;
  }

  /** Handlers that have run for a minute or longer; undefined if there are none. */
  get slow(): SlowHandlers | undefined {
    return this.handlings.slow;
  }

  /** Resolves when no copy of a message is on its way to a delay or parked queue. */
  idle(): Promise<void> {
    return this.departures.idle();
  }

  /** Closes what it has opened, after the end of its consumer. */
  close(): Promise<void> {
    return this.detour.close();
  }

  /**
   * Called when the channel is lost. The broker delivers waiting messages, and those being handled, again.
   *
   * @param reason undefined if the channel was closed after the grace period of a stop
   */
  abandon(reason?: Error): void {
    this.lossCount++;
    this.waiting.end();
    this.departures.end('lost');
    const words = reason ? 'its channel was lost while it was handled' : 'the application stopped while it was handled';
    const error = new StaleDeliveryError(words, reason && { cause: reason });
    const contexts = this.handlings
      .abandon(error)
      .flatMap((work) => work.contexts)
      .filter(({ delivery }) => !delivery.settled);
    this.handlings.close();
    if (!reason) this.handlings.forgetDeadlines();
    if (contexts.length === 0) return;
    this.staleCount += contexts.length;
    for (const { delivery } of contexts) this.staleDeliveries.add(delivery);
    this.log.stale(contexts, error);
  }

  /** Called when the consumer is paused or stops. Requeues waiting messages at once. */
  release(): void {
    for (const delivery of this.waiting.end()) this.requeue(delivery);
    this.departures.end('given-back');
  }

  private nameOf(delivery: Delivery): string {
    const { handlerOf, name } = this.consumer;
    return handlerOf?.(this.contextOf(delivery)) ?? name;
  }

  private stateBefore(delivery: Delivery): RetryState | undefined {
    return this.retryStates.get(delivery) ?? stateOf(delivery, this.consumer.queue, this.facts.user);
  }

  private async settleFailure(delivery: Delivery, outcome: Failure): Promise<void> {
    const before = this.stateBefore(delivery) ?? initialState(this.consumer.queue, delivery);
    const attempt = before.failed + 1;
    const reason = failureReason(outcome.error, delivery.body);
    const record = recordOf(outcome.error, reason, new Date(this.clock.wallTime()));
    const state = { ...afterFailure(before, record), ...bodySizeOf(outcome) };
    const decision: Decision = delivery.settled
      ? { kind: 'settled' }
      : decide(outcome, attempt, this.policy, this.facts.deliveryLimit - deliveriesBefore(delivery));
    const report = { delivery, outcome, attempt, reason, decision };
    // Nothing may be held for a lost channel, since nobody would end the hold.
    if (delivery.stale) return this.log.failure({ ...report, decision: { kind: 'requeue' } }, NOT_LEFT.lost);
    const leaves = decision.kind === 'park' || (decision.kind === 'retry' && this.policy.place === 'broker');
    if (leaves) return this.depart(report, state);
    this.carryOut(delivery, decision, state, outcome);
    this.log.failure(report, describeDecision(decision, this.consumer.queue));
  }

  /** Carries out a decision that does not move the message to another queue. */
  private carryOut(delivery: Delivery, decision: Decision, state: RetryState, { error }: Failure): void {
    switch (decision.kind) {
      case 'discard':
      case 'answer':
        return this.finish(delivery);
      case 'dead-letter':
        return this.reject(delivery);
      case 'requeue':
        return this.giveBack(delivery);
      case 'stop':
        return this.consumer.stop(error);
      case 'retry':
        return this.hold(delivery, state, decision.delay);
      case 'settled':
      case 'park':
    }
  }

  /** Publishes a copy of the message to its delay or parked queue, then acknowledges the message. */
  private async depart(first: FailureReport, state: RetryState): Promise<void> {
    const { delivery, outcome } = first;
    let report = first;
    let why = '';
    const departure = {
      delivery,
      // Nothing is handled past a message of a stream: its position could not be told.
      patient: this.policy.place === 'stream',
      publish: async (): Promise<void> => {
        const { decision } = report;
        try {
          if (decision.kind === 'retry') return await this.detour.retry(delivery, state, decision.delay);
        } catch (error) {
          if (!(error instanceof CannotRetryError)) throw error;
          report = { ...report, decision: { kind: this.policy.end } };
          why = `, for it cannot be retried: ${error.message}`;
        }
        if (report.decision.kind === 'park') await this.detour.park(delivery, state);
      },
      heldUp: (error: unknown) => this.log.heldUp(report, error),
      ended: (how: DepartureEnd) => {
        const { decision } = report;
        const copied = decision.kind === 'retry' || decision.kind === 'park';
        if (how === 'given-back') this.requeue(delivery);
        if (how === 'left' && copied) this.leave(delivery, outcome);
        if (how === 'left' && !copied) this.carryOut(delivery, decision, state, outcome);
        const told = how === 'left' ? describeDecision(decision, this.consumer.queue) + why : NOT_LEFT[how];
        const carriedOut: Decision = how === 'left' ? decision : { kind: how === 'settled' ? 'settled' : 'requeue' };
        this.log.failure({ ...report, decision: carriedOut }, told);
      },
    };
    await this.departures.begin(departure);
  }

  /** Called when the copy is in another queue. */
  private leave(delivery: Delivery, { error }: Failure): void {
    // The copy lacks the body, so the queue's dead-letter exchange, if there is one, gets the whole message.
    if (error instanceof MessageTooLargeError) this.reject(delivery);
    else this.finish(delivery);
  }

  private finish(delivery: Delivery): void {
    if (!delivery.settled) delivery.ack();
  }

  private reject(delivery: Delivery): void {
    // A stream has no dead letters, and RabbitMQ treats a reject like an ack.
    if (!delivery.settled) delivery.reject({ requeue: false });
  }

  private requeue(delivery: Delivery): void {
    // A stream takes no message back. The next consumer gets unsettled messages again.
    if (!delivery.settled && this.policy.place !== 'stream') delivery.nack({ requeue: true });
  }

  private hold(delivery: Delivery, state: RetryState, delay: number): void {
    this.retryStates.set(delivery, state);
    this.waiting.add(delivery, delay, () => this.handleAgain(delivery));
  }

  /** Without a consumer the delivery would stay unsettled as long as its channel lives, so it is requeued. */
  private handleAgain(delivery: Delivery): void {
    if (!delivery.settled && !this.consumer.redeliver(delivery)) this.requeue(delivery);
  }

  private giveBack(delivery: Delivery): void {
    if (this.policy.place === 'stream') {
      this.waiting.add(delivery, REQUEUE_PAUSE, () => this.handleAgain(delivery));
    } else if (delivery.redelivered) {
      this.waiting.add(delivery, REQUEUE_PAUSE, () => this.requeue(delivery));
    } else this.requeue(delivery);
  }
}

const NOT_LEFT: Readonly<Record<Exclude<DepartureEnd, 'left'>, string>> = {
  'given-back': 'requeued, for the consumer is paused or stops',
  lost: 'delivered again, for its channel was lost meanwhile',
  settled: 'settled by the handler',
};

function bodySizeOf({ error }: Failure): Pick<RetryState, 'bodySize'> {
  return error instanceof MessageTooLargeError ? { bodySize: error.size } : {};
}

function describeDecision(decision: Decision, queue: string): string {
  switch (decision.kind) {
    case 'retry':
      return `retried in ${decision.delay} ms`;
    case 'park':
      return `parked in '${parkedQueueName(queue)}'`;
    case 'dead-letter':
      return 'rejected';
    case 'requeue':
      return 'requeued';
    case 'discard':
      return 'discarded';
    case 'answer':
      return 'answered with the error';
    case 'stop':
      return 'the consumer stops before it';
    case 'settled':
      return 'settled by the handler';
  }
}
