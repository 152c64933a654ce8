import { DeadlineTimer, onAbort, Sampler } from '../../environment/index.js';
import { DIRECT_BODY_SIZE } from '../../protocol/frame-writer.js';
import { within } from '../timing/deferred.js';
import { Waiters } from '../timing/waiters.js';
import {
  MessageReturnedError,
  PublishRefusedError,
  PublishTimeoutError,
  TimeoutError,
  type AmqpError,
  type NotFoundError,
  type ReturnedMessage,
} from '../errors.js';
import { checkDuration, refuseAborted } from '../option-checks.js';
import { confirmTimes, type ConfirmTime } from '../diagnostics.js';
import { trace, tracesPublishes, tracing } from '../tracing.js';
import { blame, type Verdict } from './blame.js';
import { Limits } from './limits.js';
import { Confirms } from './confirms.js';
import { Exchanges } from './exchanges.js';
import { BEHIND_OTHERS, SOON_BEHIND_OTHERS, type Gate, type Obstacle } from './gate.js';
import { CHECKED_AT, checkedAt, type BasicPublishOptions } from './publish-options.js';
import { OUTCOME, outcomeOf, type OutcomeOption, type PublishOutcome } from './publish-outcome.js';
import { TracedPublish } from './publish-trace.js';
import { PublishQueue } from './publish-queue.js';
import type { Ending, PublisherHost, PublisherSettings } from './publisher-host.js';
import { earlierOutcome, nacked, reportConfirm, reportPublish, type Message, type Publish } from './publish.js';
import { Refusals } from './refusals.js';
import { returnedMessage } from './returned-message.js';
import { findReturned } from './returns.js';

/**
 * Sends the publishes of one channel:
 *
 *     publish() ─▶ (waiting) ─▶ sent ─▶ ack | nack | return ─▶ the caller's promise
 *
 * A publish waits while the channel is closed, blocked or paused, and while too much is unconfirmed or unwritten. Waiting
 * publishes keep their order, and their number and bytes are bounded. A deadline or a signal ends a publish in either
 * state.
 */
export class Publisher {
  readonly confirms = new Confirms();
  private readonly waiting = new PublishQueue();
  /** Refused publishes. They are sent again, before the waiting ones, when the channel was opened anew. */
  private readonly refused = new PublishQueue();
  private dropPlanned = false;
  private pumping = false;
  private readonly deadlines: DeadlineTimer;
  private readonly refusals: Refusals;
  private readonly exchanges: Exchanges;
  private readonly limits: Limits;
  /** Chooses the publishes whose time to the confirm is told. */
  private readonly sampler: Sampler;
  private readonly untilSettled = new Waiters();
  private readonly untilConfirmed = new Waiters();
  /** Number of publishes whose callers wait for the outcome. */
  private unsettled = 0;
  /** The error for publishes that were sent before the last loss and wait to be sent again. */
  private loss: AmqpError | undefined;
  /**
   * The functions of the promise that was just created. One executor serves all promises, instead of a closure for
   * each.
   */
  private resolve: Publish['resolve'] = unused;
  private reject: Publish['reject'] = unused;
  private readonly catchEnds = (resolve: Publish['resolve'], reject: Publish['reject']): void => {
    this.resolve = resolve;
    this.reject = reject;
  };

  constructor(
    private readonly gate: Gate,
    private readonly options: PublisherSettings,
    private readonly host: PublisherHost,
  ) {
    this.limits = new Limits(options, this.confirms, this.refused, this.waiting);
    this.deadlines = new DeadlineTimer(host.clock, (now) => this.sweep(now));
    this.sampler = new Sampler(host.random);
    this.refusals = new Refusals((delay) => host.renewIn(delay), host.random);
    this.exchanges = new Exchanges(
      (exchange) => host.findExchange(exchange),
      (exchange, missing) => this.onSought(exchange, missing),
    );
  }

  /**
   * Resolves with the delivery tag when the broker has confirmed the message. Without confirms it resolves with 0 when
   * the body is no longer in use. With an outcome in the options it settles with that.
   */
  publish(
    exchange: string,
    routingKey: string,
    body: Uint8Array,
    options: BasicPublishOptions & OutcomeOption,
  ): Promise<unknown> {
    if (!tracesPublishes() && !confirmTimes.hasSubscribers) {
      return this.accept(exchange, routingKey, body, options, options[OUTCOME]);
    }
    return this.publishObserved(exchange, routingKey, body, options);
  }

  /** Publishes while somebody traces publishes, or wants to know the times to some confirms. */
  private publishObserved(
    exchange: string,
    routingKey: string,
    body: Uint8Array,
    options: BasicPublishOptions & OutcomeOption & { readonly [CHECKED_AT]?: number },
  ): Promise<unknown> {
    const outcome = options[OUTCOME];
    const { clock } = this.host;
    const calledAt = options[CHECKED_AT] ?? clock.now();
    const weight = confirmTimes.hasSubscribers && this.gate.confirming ? this.sampler.take(calledAt) : 0;
    const traces = tracesPublishes();
    if (!traces && weight === 0) return this.accept(exchange, routingKey, body, options, outcome);
    const published = traces
      ? this.publishTraced(exchange, routingKey, body, options)
      : (this.accept(exchange, routingKey, body, options, undefined) as Promise<number>);
    if (weight > 0) {
      const told = (): ConfirmTime => ({ peer: this.gate.peer, ms: clock.now() - calledAt, weight });
      // The caller learns of errors.
      published.then(
        () => confirmTimes.publish(told()),
        () => {},
      );
    }
    return outcome ? outcomeOf(published, outcome) : published;
  }

  private publishTraced(
    exchange: string,
    routingKey: string,
    body: Uint8Array,
    options: BasicPublishOptions,
  ): Promise<number> {
    const traced = new TracedPublish(exchange, routingKey, body.length, options, this.gate);
    const accept = (): Promise<number> =>
      this.accept(exchange, routingKey, body, traced.properties, undefined) as Promise<number>;
    return trace(tracing.publish, traced, accept, (message, deliveryTag) => (message.deliveryTag = deliveryTag));
  }

  private accept(
    exchange: string,
    routingKey: string,
    body: Uint8Array,
    options: BasicPublishOptions,
    outcome: PublishOutcome | undefined,
  ): Promise<unknown> {
    try {
      const calledAt = checkedAt(options);
      const { signal, timeout = this.options.publishTimeout } = options;
      checkDuration('timeout', timeout);
      refuseAborted(signal);
      const mandatory = options.mandatory === true;
      const waits = this.waiting.count > 0 ? this.behindOthers() : this.obstacle(exchange, body.length);
      if (!waits && !outcome && !this.gate.confirming) {
        this.hand({ exchange, routingKey, mandatory, properties: options, body });
        return body.length < DIRECT_BODY_SIZE ? SENT : this.whenTaken(timeout, signal);
      }
      const promise = new Promise<unknown>(this.catchEnds);
      const publish: Publish = {
        exchange,
        routingKey,
        mandatory,
        properties: options,
        body,
        deadline: (calledAt ?? this.host.clock.now()) + timeout,
        resolve: this.resolve,
        reject: this.reject,
        outcome,
        settled: false,
        earlier: undefined,
      };
      // Before the write, since the outcome may come from within it.
      this.unsettled++;
      try {
        if (waits) this.wait(publish, waits);
        else this.send(publish);
      } catch (error) {
        this.unsettled--;
        throw error;
      }
      if (signal && !publish.settled) this.watch(publish, signal);
      this.deadlines.by(publish.deadline);
      return promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends waiting publishes as far as possible. Called whenever an obstacle may be gone. */
  pump(): void {
    // A confirm from within a write finds the loop below running.
    if (this.pumping) return;
    this.pumping = true;
    for (let publish = this.waiting.first; publish; publish = this.waiting.first) {
      if (!publish.settled && this.obstacle(publish.exchange, publish.body.length)) break;
      this.waiting.shift();
      if (publish.settled) continue;
      try {
        this.send(publish);
      } catch (error) {
        this.fail(publish, error);
      }
    }
    this.pumping = false;
    this.notifySettled();
  }

  onAck(deliveryTag: number, multiple: boolean): void {
    this.confirms.settle(deliveryTag, multiple, (publish, tag) => {
      this.exchanges.onConfirmed(publish.exchange);
      reportConfirm(publish, 'ack');
      this.refusals.accepted(publish);
      this.succeed(publish, tag);
    });
    this.pump();
  }

  onNack(deliveryTag: number, multiple: boolean): void {
    this.confirms.settle(deliveryTag, multiple, (publish) => {
      reportConfirm(publish, 'nack');
      const renewing = this.refusals.refused(publish);
      if (publish.settled) return;
      if (renewing && this.options.republishUnconfirmed) return this.refused.push(publish);
      this.fail(publish, nacked(publish));
    });
    this.pump();
  }

  /**
   * Rejects the returned publish. Returns false if none fits, since the message was published without a waiting
   * promise.
   */
  onReturn(returned: ReturnedMessage, encodedProperties: Buffer): boolean {
    const publish = findReturned(this.confirms, returned, encodedProperties);
    if (!publish) return false;
    reportConfirm(publish, 'return');
    const told = returnedMessage({ ...returned, body: returned.body, routingKey: publish.routingKey });
    this.fail(publish, new MessageReturnedError(told, earlierOutcome(publish)));
    this.notifySettled();
    return true;
  }

  /**
   * Called at the end of the channel's generation. Settles the sent publishes, or puts them before the waiting ones in
   * the same order.
   *
   * @returns true if a publish has got the broker's error
   */
  onLost({ unknown, refusal, goesOn }: Ending): boolean {
    let told = false;
    this.refusals.forget();
    const behind = refusal?.behindCall === undefined ? 0 : this.confirms.countFrom(refusal.behindCall);
    const sent = this.confirms.drain();
    const { notThereFrom, guilty } = refusal
      ? blame(refusal.error, sent, (exchange) => this.exchanges.existed(exchange))
      : LOST_WITH_THE_LINK;
    const certainFrom = Math.min(notThereFrom, behind > 0 ? sent.length - behind : Infinity);
    // If the broker does not name the wrong publish, sending all again could fail for ever.
    const mayRepeat = notThereFrom < Infinity || refusal?.error.method !== 'basic.publish';
    const again = goesOn ? this.refused.drain() : [];
    sent.forEach((publish, position) => {
      if (publish.settled) return;
      if (position < certainFrom) {
        if (!goesOn || !mayRepeat || !this.options.republishUnconfirmed) return this.fail(publish, unknown);
        publish.earlier = 'unknown';
      } else {
        // The outcome of an earlier sending stays unknown.
        const mayBeThere = publish.earlier === 'unknown';
        if (guilty(publish)) {
          told = true;
          return this.fail(publish, mayBeThere ? unknown : (refusal?.error ?? unknown));
        }
        if (!goesOn) return this.fail(publish, mayBeThere ? unknown : (refusal?.notThere ?? unknown));
        publish.earlier ??= 'not-there';
      }
      again.push(publish);
    });
    for (const publish of this.refused.drain()) this.fail(publish, nacked(publish));
    this.exchanges.forget();
    if (!goesOn) this.refuseWaiting(() => true, unknown.cause);
    // Sent publishes are not refused together with unsent ones.
    else if (this.options.whenUnavailable === 'fail') this.refuseWaiting(({ earlier }) => earlier === undefined);
    this.loss = unknown;
    this.waiting.putBefore(again);
    if (!goesOn) this.deadlines.stop();
    this.notifySettled();
    return told;
  }

  /** True if a publish waits or is unconfirmed. */
  get busy(): boolean {
    return this.waiting.count > 0 || this.confirms.count > 0;
  }

  /** Number of publishes that wait to be sent, for the first time or again. */
  get waitingCount(): number {
    return this.waiting.count + this.refused.count;
  }

  /** Resolves when every publish has its outcome, even if the broker has not confirmed it: its deadline may have passed. */
  whenSettled(): Promise<void> {
    const settled = this.untilSettled.wait();
    this.notifySettled();
    return settled;
  }

  /** Resolves when no sent publish is unconfirmed, even if others wait. */
  whenConfirmed(): Promise<void> {
    const confirmed = this.untilConfirmed.wait();
    this.notifySettled();
    return confirmed;
  }

  /** Returns the reason why a message of `size` bytes cannot be sent now; undefined if it can. */
  private obstacle(exchange: string, size: number): Obstacle | undefined {
    const there = this.gate.obstacle() ?? (this.gate.confirming ? this.limits.tooMuch(size) : undefined);
    // An exchange can be checked only if there is no other obstacle.
    return there ?? (this.options.findExchanges ? this.exchanges.lookFor(exchange) : undefined);
  }

  private behindOthers(): Obstacle {
    const soon = this.exchanges.sought !== undefined || this.gate.obstacle()?.kind === 'soon';
    return soon ? SOON_BEHIND_OTHERS : BEHIND_OTHERS;
  }

  /** Called at the end of the check of an exchange. */
  private onSought(exchange: string, missing: NotFoundError | undefined): void {
    if (missing) {
      for (const publish of this.waiting) {
        if (publish.exchange === exchange) this.fail(publish, publish.earlier === 'unknown' ? this.loss : missing);
      }
      this.dropSettled();
    }
    this.pump();
  }

  private send(publish: Publish): void {
    if (!this.gate.confirming) return this.sendUnconfirmed(publish);
    // Before the write, since a custom socket may deliver the confirm from within it.
    this.confirms.add(publish);
    try {
      this.hand(publish);
    } catch (error) {
      this.confirms.takeBack();
      throw error;
    }
  }

  private sendUnconfirmed(publish: Publish): void {
    this.hand(publish);
    if (publish.body.length < DIRECT_BODY_SIZE) return this.succeed(publish, 0);
    this.whenTaken(publish.deadline - this.host.clock.now())
      .then(
        () => this.succeed(publish, 0),
        (error: unknown) => this.fail(publish, error),
      )
      .finally(() => this.notifySettled());
  }

  /** A large body is written from the caller's buffer, so its publish lasts until the socket has taken it. */
  private async whenTaken(timeout: number, signal?: AbortSignal): Promise<number> {
    try {
      await within(this.gate.whenWritten(), this.host.clock, { timeout, signal }, 'the socket is full');
      return 0;
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      throw new PublishTimeoutError('the socket has not taken the message within the deadline', 'unknown');
    }
  }

  private hand(message: Message): void {
    this.gate.write(message);
    reportPublish(message);
  }

  private wait(publish: Publish, obstacle: Obstacle): void {
    this.limits.expectRoom(obstacle, publish.body.length);
    this.waiting.push(publish);
  }

  /** @param cause the error with which the channel closes */
  private refuseWaiting(refused: (publish: Publish) => boolean, cause?: unknown): void {
    const closed = cause instanceof Error ? `: ${cause.message}` : '';
    const reason = `${this.gate.obstacle()?.reason ?? 'the channel is closed'}${closed}`;
    for (const publish of this.waiting) {
      if (!refused(publish)) continue;
      const mayBeThere = publish.earlier === 'unknown';
      this.fail(publish, mayBeThere ? this.loss : new PublishRefusedError(`not published: ${reason}`, { cause }));
    }
    this.dropSettled();
  }

  private watch(publish: Publish, signal: AbortSignal): void {
    const unwatch = onAbort(signal, () => {
      this.fail(publish, signal.reason);
      // Called once for all publishes that one signal ends.
      if (!this.dropPlanned) queueMicrotask(() => this.makeRoom());
      this.dropPlanned = true;
    });
    const { resolve, reject } = publish;
    publish.resolve = (value) => {
      unwatch();
      resolve(value);
    };
    publish.reject = (error) => {
      unwatch();
      reject(error);
    };
  }

  /** Rejects late publishes. Returns the earliest remaining deadline. */
  private sweep(now: number): number {
    let earliest = Infinity;
    const reason = this.reasonToWait();
    const check = (publish: Publish, outcome: 'unknown' | 'not-sent'): void => {
      if (publish.settled) return;
      if (publish.deadline > now) {
        earliest = Math.min(earliest, publish.deadline);
        return;
      }
      const message =
        outcome === 'unknown'
          ? 'no confirm within the deadline: whether the broker has the message is unknown'
          : `not published within the deadline: ${reason}`;
      this.fail(publish, new PublishTimeoutError(message, outcome));
    };
    this.confirms.forEach((publish) => check(publish, 'unknown'));
    for (const publish of this.refused) check(publish, 'unknown');
    for (const publish of this.waiting) check(publish, earlierOutcome(publish) ?? 'not-sent');
    this.makeRoom();
    return earliest;
  }

  /** Returns the reason why the first publish waits. The others wait because of it. */
  private reasonToWait(): string {
    for (const { settled, exchange, body } of this.waiting) {
      if (!settled) return this.obstacle(exchange, body.length)?.reason ?? 'its turn had not come';
    }
    return BEHIND_OTHERS.reason;
  }

  /** Removes the publishes that ended while they waited. Those behind them may have no obstacle of their own. */
  private makeRoom(): void {
    this.dropSettled();
    this.pump();
  }

  private dropSettled(): void {
    this.dropPlanned = false;
    this.refused.dropSettled();
    this.waiting.dropSettled();
    this.notifySettled();
  }

  private notifySettled(): void {
    if (this.confirms.count === 0) this.untilConfirmed.release();
    if (this.unsettled === 0) this.untilSettled.release();
  }

  /** Resolves the caller's promise once; later outcomes are ignored. */
  private succeed(publish: Publish, deliveryTag: number): void {
    if (publish.settled) return;
    publish.settled = true;
    this.unsettled--;
    publish.resolve(publish.outcome ? publish.outcome.confirmed(deliveryTag) : deliveryTag);
  }

  /** Rejects the caller once; later outcomes are ignored. */
  private fail(publish: Publish, error: unknown): void {
    if (publish.settled) return;
    publish.settled = true;
    this.unsettled--;
    publish.outcome?.failed(error);
    publish.reject(error);
  }
}

const unused = (): void => {};

/** The outcome of every publish on a channel without confirms, which is settled when it is handed to the socket. */
const SENT = Promise.resolve(0);

/** The publishes were lost with the connection. It is unknown which of them have arrived. */
const LOST_WITH_THE_LINK: Verdict = { notThereFrom: Infinity, guilty: () => false };
