import { Logger } from '@nestjs/common';
import type { Clock } from '../../lib/environment/index.js';
import type { Delivery } from '../../lib/client/index.js';
import { AmqpContext } from './amqp-context.js';
import { describeError, describeMessage } from '../common/log-text.js';
import { recordOf } from './retry/failure-record.js';
import { parkedQueueName } from './retry/settlement-queue-names.js';
import type { RetryPolicy } from './retry/retry-policy.js';
import { afterFailure, initialState, stateOf, type RetryState } from './retry/retry-state.js';
import type { ConsumerFailure } from './consumer-failure.js';
import { decide, type Decision } from './decision.js';
import { RequeueMessage } from './settlement.errors.js';
import type { Failure, Outcome } from './outcome.js';
import { HeldDeliveries } from './held-deliveries.js';

/** The consumer, as its settlements need it. */
export interface SettledConsumer {
  /** `BillingConsumer.onOrder` */
  readonly name: string;
  readonly queue: string;
  readonly ack: 'auto' | 'manual';
  /**
   * Hands an unsettled delivery to the handler once more, within the consumer's concurrency: for queues whose retries
   * wait in the process. `Settler.contextOf` tells the attempt. False: there is no consumer now, it is paused or being
   * restored, and the delivery stays as it is.
   */
  redeliver(delivery: Delivery): boolean;
  /** Ends the consumer of a stream, before the message that failed. */
  stop(cause: unknown): void;
}

/** Takes messages out of their queue, and knows when the broker has them. */
export interface Detour {
  /** Sees to it that the queues are there. @throws MissingQueueError, TopologyError */
  prepare(): Promise<void>;
  /** @throws AmqpError when the broker does not have it, or may not have it */
  retry(delivery: Delivery, state: RetryState, delay: number): Promise<void>;
  /** @throws likewise */
  park(delivery: Delivery, state: RetryState): Promise<void>;
}

/** Until a message goes back that was redelivered already, or could not be put aside: it could go round hot. ms. */
const PAUSE = { first: 1_000, max: 30_000 } as const;

/** Of what is settled at once: the same for all. */
const SETTLED = Promise.resolve();

/**
 * The one place where the messages of a consumer are settled, whatever kind of consumer it is: one by one, as items of a
 * batch, or as requests. A message is acknowledged only when it was handled, or when the broker has confirmed it in the
 * queue where it goes on.
 */
export class Settler {
  private readonly logger = new Logger('AmqpConsumer');
  private readonly waiting: HeldDeliveries;
  /** Of messages that wait for their retry in the process. */
  private readonly retryStates = new WeakMap<Delivery, RetryState>();
  private pause: number = PAUSE.first;

  constructor(
    private readonly consumer: SettledConsumer,
    private readonly policy: RetryPolicy,
    private readonly detour: Detour,
    private readonly report: (failure: ConsumerFailure) => void,
    private readonly clock: Clock,
  ) {
    this.waiting = new HeldDeliveries(clock);
  }

  /** Sees to it that delay and parked queues are there: before the consumer starts. @throws MissingQueueError, TopologyError */
  async prepare(): Promise<void> {
    await this.detour.prepare();
  }

  /** What the handler gets with the message: make it here, for it knows the attempts of those that wait in the process. */
  contextOf(delivery: Delivery): AmqpContext {
    return new AmqpContext(delivery, this.consumer.queue, this.retryStates.get(delivery));
  }

  /**
   * Carries out what the table says. Never rejects. Resolves when the message is settled, or when it waits for its time
   * in the process; a message that the handler has settled itself is left alone.
   */
  settle(delivery: Delivery, outcome: Outcome): Promise<void> {
    if (!outcome.ok) return this.settleFailure(delivery, outcome);
    if (this.consumer.ack === 'auto') this.finish(delivery);
    return SETTLED;
  }

  /** The channel was lost: what waits here, the broker delivers again. */
  abandon(): void {
    this.waiting.end();
  }

  /** The consumer is paused, or stops: what waits here goes back at once. */
  release(): void {
    for (const delivery of this.waiting.end()) this.requeue(delivery);
  }

  private async settleFailure(delivery: Delivery, outcome: Failure): Promise<void> {
    const state =
      this.retryStates.get(delivery) ??
      stateOf(delivery, this.consumer.queue) ??
      initialState(this.consumer.queue, delivery);
    const attempt = state.failed + 1;
    const decision: Decision = delivery.settled ? { kind: 'settled' } : decide(outcome, attempt, this.policy);
    const record = recordOf(outcome.error, new Date(this.clock.wallTime()));
    try {
      await this.carryOut(delivery, decision, afterFailure(state, record), outcome.error);
      this.announce(delivery, outcome, attempt, decision, describeDecision(decision, this.consumer.queue));
    } catch (error) {
      this.announce(delivery, outcome, attempt, { kind: 'requeue' }, this.postpone(delivery, outcome, decision, error));
    }
  }

  private async carryOut(delivery: Delivery, decision: Decision, state: RetryState, cause: unknown): Promise<void> {
    switch (decision.kind) {
      case 'discard':
      case 'answer':
        return this.finish(delivery);
      case 'settled':
        return;
      case 'dead-letter':
        return this.reject(delivery);
      case 'requeue':
        return this.giveBack(delivery);
      case 'stop':
        return this.consumer.stop(cause);
      case 'park':
        await this.detour.park(delivery, state);
        break;
      case 'retry':
        if (this.policy.place !== 'broker') return this.hold(delivery, state, decision.delay);
        await this.detour.retry(delivery, state, decision.delay);
        break;
    }
    this.pause = PAUSE.first;
    this.finish(delivery);
  }

  private finish(delivery: Delivery): void {
    if (!delivery.settled) delivery.ack();
  }

  private reject(delivery: Delivery): void {
    // A stream has no dead letters, and RabbitMQ takes a reject for "go on".
    if (!delivery.settled) delivery.reject({ requeue: false });
  }

  private requeue(delivery: Delivery): void {
    // To a stream nothing goes back: what is unsettled comes again with the next consumer.
    if (!delivery.settled && this.policy.place !== 'stream') delivery.nack({ requeue: true });
  }

  private hold(delivery: Delivery, state: RetryState, delay: number): void {
    this.retryStates.set(delivery, state);
    this.waiting.add(delivery, delay, () => this.handleAgain(delivery));
  }

  /** A delivery whose consumer is gone would stay unsettled as long as its channel lives: so it goes back. */
  private handleAgain(delivery: Delivery): void {
    if (!delivery.settled && !this.consumer.redeliver(delivery)) this.requeue(delivery);
  }

  private giveBack(delivery: Delivery): void {
    if (this.policy.place === 'stream') {
      this.waiting.add(delivery, PAUSE.first, () => this.handleAgain(delivery));
    } else if (delivery.redelivered) {
      this.waiting.add(delivery, PAUSE.first, () => this.requeue(delivery));
    } else this.requeue(delivery);
  }

  /** The broker does not have it elsewhere, as far as we know: so it stays, and is tried again later. */
  private postpone(delivery: Delivery, outcome: Failure, decision: Decision, error: unknown): string {
    const { pause } = this;
    this.pause = Math.min(2 * pause, PAUSE.max);
    const stream = this.policy.place === 'stream';
    this.waiting.add(delivery, pause, () => {
      if (stream) void this.settle(delivery, outcome);
      else this.requeue(delivery);
    });
    const aim = decision.kind === 'park' ? 'parked' : 'put aside for its retry';
    const way = stream ? 'is tried again' : 'goes back to its queue';
    return `could not be ${aim} (${describeError(error)}) and ${way} in ${pause} ms`;
  }

  private announce(
    delivery: Delivery,
    { error: cause }: Failure,
    attempt: number,
    decision: Decision,
    consequence: string,
  ): void {
    const { name, queue } = this.consumer;
    const line =
      `${capital(describeMessage(delivery))} of queue '${queue}' failed in ${name}, attempt ${attempt} of ` +
      `${this.policy.attempts}: ${describeError(cause)}; ${consequence}`;
    if (decision.kind === 'retry' || cause instanceof RequeueMessage) this.logger.warn(line);
    else this.logger.error(line);
    const delay = decision.kind === 'retry' ? decision.delay : undefined;
    this.report({
      consumer: name,
      queue,
      messageId: messageIdOf(delivery),
      attempt,
      cause,
      decision: decision.kind,
      delay,
    });
  }
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

function messageIdOf(delivery: Delivery): string | undefined {
  try {
    return delivery.properties.messageId;
  } catch {
    // Malformed properties: that may be what has failed.
    return undefined;
  }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
