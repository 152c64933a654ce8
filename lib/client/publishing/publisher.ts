import { DeadlineTimer, onAbort, type Clock, type Random } from '../../environment/index.js';
import { blame, type Verdict } from './blame.js';
import { Confirms, type Message, type Publish } from './confirms.js';
import { DIRECT_BODY_SIZE } from '../../protocol/frame-writer.js';
import { Deferred, within } from '../timing/deferred.js';
import { diagnostics, type ConfirmMessage, type PublishMessage } from '../diagnostics.js';
import {
  MessageReturnedError,
  NotFoundError,
  PublishNackedError,
  PublishRefusedError,
  PublishTimeoutError,
  TimeoutError,
  type AmqpError,
  type ChannelError,
  type ConnectionError,
  type ReturnedMessage,
} from '../errors.js';
import { checkDuration } from '../option-checks.js';
import { checkPublishOptions, type BasicPublishOptions } from './publish-options.js';
import { Refusals } from './refusals.js';
import { returnedMessage } from './returned-message.js';
import { findReturned } from './returns.js';

export interface PublisherSettings {
  readonly publishTimeout: number;
  readonly maxUnconfirmed: number;
  readonly maxUnconfirmedBytes: number;
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  readonly whenUnavailable: 'wait' | 'fail';
  readonly republishUnconfirmed: boolean;
  readonly findExchanges: boolean;
}

/**
 * The reason why a publish cannot be sent now. `unavailable`: for an unknown time. `busy`: until the broker has confirmed
 * earlier publishes. `soon`: for one round trip, which does not count as a wait for `maxWaiting`.
 */
export interface Obstacle {
  readonly kind: 'unavailable' | 'busy' | 'soon';
  readonly reason: string;
}

/** The channel, as its publisher sees it. */
export interface PublisherHost {
  readonly clock: Clock;
  readonly random: Random;
  /** Publisher confirms are on. */
  readonly confirming: boolean;
  obstacle(): Obstacle | undefined;
  /** Appends a publish whole. @throws EncodingError before anything is appended */
  write(message: Message): void;
  /** Looks for an exchange. @throws NotFoundError when it is missing; whatever else keeps it from looking */
  findExchange(exchange: string): Promise<void>;
  /** Resolves once the socket has all that was written, and so no body is in use any more. */
  whenWritten(): Promise<void>;
  /** Opens the channel anew after `delay` ms, since it may be refused what another is not. False: it does not. */
  renewIn(delay: number): boolean;
}

/** The end of a channel's generation, with the errors that its publishes reject with. */
export interface Ending {
  /** The error of a publish that the broker may have: its outcome is unknown. */
  readonly unknown: AmqpError;
  /** The broker has closed this channel. */
  readonly refusal?:
    | undefined
    | {
        readonly error: ConnectionError | ChannelError;
        /** The error of a publish that the broker certainly does not have, where it is not sent again. */
        readonly notThere: AmqpError;
        /** The delivery tag from which on publishes stand behind the call that is to blame. */
        readonly behindCall: number | undefined;
      };
  /** The channel comes back. */
  readonly goesOn: boolean;
}

/** Names of exchanges to remember; beyond it, every exchange counts as one that was there. */
const MAX_EXCHANGES = 1_000;

/** Publishes that may wait for a round trip, where `maxWaiting` is less. */
const MAX_SOON = 100_000;

/** A wait for confirms may skip this many times `maxUnconfirmed` tags before it holds new publishes back. */
const MAX_SPAN_FACTOR = 8;

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
  private waiting: Publish[] = [];
  /** Refused, and to be sent again before what waits once the channel was opened anew. */
  private refused: Publish[] = [];
  private refusedBytes = 0;
  private waitingBytes = 0;
  private dropPlanned = false;
  private pumping = false;
  /** So many of `waiting`, from the front, are sent already: removed in one go. */
  private taken = 0;
  private readonly deadlines: DeadlineTimer;
  private readonly refusals: Refusals;
  private settledWaiters: Deferred<void>[] = [];
  private confirmedWaiters: Deferred<void>[] = [];
  /** Exchanges that were there, since the channel opened: publishes to them were confirmed. */
  private readonly exchanges = new Set<string>();
  private lastExchange: string | undefined;
  /** Those that are there, as far as they were looked for, since the channel opened. */
  private found = new Set(['']);
  /** The exchange that is being looked for. */
  private looking: string | undefined;
  /** The error of what was sent before the last loss and waits to be sent again. */
  private loss: AmqpError | undefined;
  /** Of the promise just made: one executor for all of them, in place of a closure for each. */
  private resolve: ((deliveryTag: number) => void) | undefined;
  private reject: ((error: unknown) => void) | undefined;
  private readonly catchEnds = (resolve: (deliveryTag: number) => void, reject: (error: unknown) => void): void => {
    this.resolve = resolve;
    this.reject = reject;
  };

  constructor(
    private readonly host: PublisherHost,
    private readonly options: PublisherSettings,
  ) {
    this.deadlines = new DeadlineTimer(host.clock, (now) => this.sweep(now));
    this.refusals = new Refusals((delay) => host.renewIn(delay), host.random);
  }

  /** Resolves with the delivery tag once confirmed (0 without confirms: once the body is not in use any more). */
  publish(exchange: string, routingKey: string, body: Uint8Array, options: BasicPublishOptions): Promise<number> {
    try {
      checkPublishOptions(options);
      const { signal, timeout = this.options.publishTimeout } = options;
      checkDuration('timeout', timeout);
      signal?.throwIfAborted();
      const mandatory = options.mandatory === true;
      const waits =
        this.waiting.length > 0 ? this.behindOthers() : (this.obstacle(body.length) ?? this.unknown(exchange));
      if (!waits && !this.host.confirming) {
        this.hand({ exchange, routingKey, mandatory, properties: options, body });
        return body.length < DIRECT_BODY_SIZE ? SENT : this.whenTaken(timeout, signal);
      }
      const promise = new Promise<number>(this.catchEnds);
      const publish: Publish = {
        exchange,
        routingKey,
        mandatory,
        properties: options,
        body,
        deadline: this.host.clock.now() + timeout,
        resolve: this.resolve!,
        reject: this.reject!,
        settled: false,
        earlier: undefined,
      };
      if (waits) this.wait(publish, waits);
      else this.send(publish);
      if (signal && !publish.settled) this.watch(publish, signal);
      this.deadlines.by(publish.deadline);
      return promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends what waits, as far as it may go now. Call it whenever an obstacle may have gone. */
  pump(): void {
    // A confirm that comes from within a write finds the loop below under way.
    if (this.pumping) return;
    this.pumping = true;
    while (this.taken < this.waiting.length) {
      const publish = this.waiting[this.taken]!;
      if (!publish.settled && (this.obstacle(publish.body.length) ?? this.unknown(publish.exchange))) break;
      this.taken++;
      this.waitingBytes -= publish.body.length;
      if (publish.settled) continue;
      try {
        this.send(publish);
      } catch (error) {
        fail(publish, error);
      }
    }
    this.removeTaken();
    this.pumping = false;
    this.notifySettled();
  }

  onAck(deliveryTag: number, multiple: boolean): void {
    this.confirms.settle(deliveryTag, multiple, (publish, tag) => {
      if (publish.exchange !== this.lastExchange) this.remember(publish.exchange);
      if (diagnostics.confirm.hasSubscribers) reportConfirm(publish, 'ack');
      this.refusals.accepted(publish);
      succeed(publish, tag);
    });
    this.pump();
  }

  onNack(deliveryTag: number, multiple: boolean): void {
    this.confirms.settle(deliveryTag, multiple, (publish) => {
      if (diagnostics.confirm.hasSubscribers) reportConfirm(publish, 'nack');
      const renewing = this.refusals.refused(publish);
      if (publish.settled) return;
      if (renewing && this.options.republishUnconfirmed) return this.keep(publish);
      fail(publish, nacked(publish));
    });
    this.pump();
  }

  /** Rejects the publish that came back. False when none fits: it was published without a promise that waits. */
  onReturn(returned: ReturnedMessage, encodedProperties: Buffer): boolean {
    const publish = findReturned(this.confirms, returned, encodedProperties);
    if (!publish) return false;
    if (diagnostics.confirm.hasSubscribers) reportConfirm(publish, 'return');
    const told = returnedMessage({ ...returned, body: returned.body, routingKey: publish.routingKey });
    fail(publish, new MessageReturnedError(told, earlierOutcome(publish)));
    return true;
  }

  /**
   * The channel's generation is over: settles what was sent, or puts it before what waits, in the same order.
   *
   * @returns whether a publish has got the broker's own error
   */
  onLost({ unknown, refusal, goesOn }: Ending): boolean {
    let told = false;
    this.removeTaken();
    this.refusals.forget();
    const behind = refusal?.behindCall === undefined ? 0 : this.confirms.countFrom(refusal.behindCall);
    const sent = this.confirms.drain();
    const { notThereFrom, guilty } = refusal
      ? blame(refusal.error, sent, (exchange) => this.existed(exchange))
      : LOST_WITH_THE_LINK;
    const certainFrom = Math.min(notThereFrom, behind > 0 ? sent.length - behind : Infinity);
    // Where the broker does not say which publish it was, sending all again could fail for ever.
    const mayRepeat = notThereFrom < Infinity || refusal?.error.method !== 'basic.publish';
    const again = goesOn ? this.refused.splice(0) : [];
    sent.forEach((publish, position) => {
      if (publish.settled) return;
      if (position < certainFrom) {
        if (!goesOn || !mayRepeat || !this.options.republishUnconfirmed) return fail(publish, unknown);
        publish.earlier = 'unknown';
      } else {
        // What an earlier sending may have left at the broker stays unknown.
        const mayBeThere = publish.earlier === 'unknown';
        if (guilty(publish)) {
          told = true;
          return fail(publish, mayBeThere ? unknown : refusal!.error);
        }
        if (!goesOn) return fail(publish, mayBeThere ? unknown : refusal!.notThere);
        publish.earlier ??= 'not-there';
      }
      again.push(publish);
    });
    for (const publish of this.refused.splice(0)) fail(publish, nacked(publish));
    this.refusedBytes = 0;
    this.exchanges.clear();
    this.found = new Set(['']);
    this.lastExchange = undefined;
    if (!goesOn) this.refuseWaiting(() => true, unknown.cause);
    // What was sent is not refused with what was not.
    else if (this.options.whenUnavailable === 'fail') this.refuseWaiting(({ earlier }) => earlier === undefined);
    this.loss = unknown;
    for (const publish of again) this.waitingBytes += publish.body.length;
    this.waiting = [...again, ...this.waiting];
    if (!goesOn) this.deadlines.stop();
    this.notifySettled();
    return told;
  }

  /** Something waits, or is unconfirmed. */
  get busy(): boolean {
    return this.waiting.length > 0 || this.confirms.count > 0;
  }

  /** Resolves once nothing waits and nothing is unconfirmed. */
  whenSettled(): Promise<void> {
    const waiter = new Deferred<void>();
    this.settledWaiters.push(waiter);
    this.notifySettled();
    return waiter.promise;
  }

  /** Resolves once nothing that was sent is unconfirmed, whatever waits. */
  whenConfirmed(): Promise<void> {
    const waiter = new Deferred<void>();
    this.confirmedWaiters.push(waiter);
    this.notifySettled();
    return waiter.promise;
  }

  private keep(publish: Publish): void {
    this.refused.push(publish);
    this.refusedBytes += publish.body.length;
  }

  /** Returns the reason why a message of `size` bytes cannot be sent now; undefined if it can. */
  private obstacle(size: number): Obstacle | undefined {
    const there = this.host.obstacle();
    if (there || !this.host.confirming) return there;
    const { maxUnconfirmed, maxUnconfirmedBytes } = this.options;
    const { span } = this.confirms;
    // What was refused and is sent again is kept here, as what is unconfirmed.
    const [count, bytes] = [this.confirms.count + this.refused.length, this.confirms.bytes + this.refusedBytes];
    // One that is larger than the bound by itself is sent when there is no other.
    const heavy = bytes > 0 && bytes + size > maxUnconfirmedBytes;
    const full = heavy || count >= maxUnconfirmed || span >= maxUnconfirmed * MAX_SPAN_FACTOR;
    return full ? { kind: 'busy', reason: `${count} messages of ${bytes} bytes are unconfirmed` } : undefined;
  }

  private behindOthers(): Obstacle {
    return this.looking === undefined && this.host.obstacle()?.kind !== 'soon' ? BEHIND_OTHERS : BEHIND_THE_FIRST;
  }

  /** The exchange has to be looked for first. Not asked of what waits for an obstacle: it can only be done where there is none. */
  private unknown(exchange: string): Obstacle | undefined {
    if (!this.options.findExchanges || this.found.has(exchange)) return undefined;
    if (this.looking === undefined) void this.find(exchange, this.found);
    return { kind: 'soon', reason: `the broker has not said whether exchange '${exchange}' is there` };
  }

  private async find(exchange: string, found: Set<string>): Promise<void> {
    this.looking = exchange;
    try {
      await this.host.findExchange(exchange);
      if (found.size > MAX_EXCHANGES) found.clear();
      found.add('').add(exchange);
    } catch (error) {
      if (error instanceof NotFoundError) {
        for (const publish of this.waiting) {
          if (publish.exchange === exchange) fail(publish, publish.earlier === 'unknown' ? this.loss : error);
        }
        this.dropSettled();
      }
      // Whatever else it is, the publish itself will tell.
      else found.add(exchange);
    }
    this.looking = undefined;
    this.pump();
  }

  private send(publish: Publish): void {
    if (!this.host.confirming) return this.sendUnconfirmed(publish);
    // Before it is written: a socket of somebody's own may bring the confirm from within the write.
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
    if (publish.body.length < DIRECT_BODY_SIZE) succeed(publish, 0);
    else {
      this.whenTaken(publish.deadline - this.host.clock.now()).then(
        () => succeed(publish, 0),
        (error: unknown) => fail(publish, error),
      );
    }
  }

  /** A large body is written from the caller's own buffer: its publish lasts until the socket has taken it. */
  private async whenTaken(timeout: number, signal?: AbortSignal): Promise<number> {
    try {
      await within(this.host.whenWritten(), this.host.clock, { timeout, signal }, 'the socket is full');
      return 0;
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      throw new PublishTimeoutError('the socket has not taken the message within the deadline', 'unknown');
    }
  }

  private hand(message: Message): void {
    this.host.write(message);
    if (diagnostics.publish.hasSubscribers) diagnostics.publish.publish(describe(message));
  }

  private wait(publish: Publish, obstacle: Obstacle): void {
    const { whenUnavailable, maxWaiting, maxWaitingBytes } = this.options;
    if (whenUnavailable === 'fail' && obstacle.kind === 'unavailable') {
      throw new PublishRefusedError(`not published: ${obstacle.reason} (whenUnavailable is 'fail')`);
    }
    const most = obstacle.kind === 'soon' ? Math.max(maxWaiting, MAX_SOON) : maxWaiting;
    if (this.waiting.length >= most || this.waitingBytes + publish.body.length > maxWaitingBytes) {
      throw new PublishRefusedError(
        `not published: ${this.waiting.length} publishes wait already (${obstacle.reason}); ` +
          'await publishes before you send more, or raise maxWaiting and maxWaitingBytes',
      );
    }
    this.waiting.push(publish);
    this.waitingBytes += publish.body.length;
  }

  /** @param cause of a channel that closes with an error */
  private refuseWaiting(refused: (publish: Publish) => boolean, cause?: unknown): void {
    const closed = cause instanceof Error ? `: ${cause.message}` : '';
    const reason = `${this.host.obstacle()?.reason ?? 'the channel is closed'}${closed}`;
    for (const publish of this.waiting) {
      if (!refused(publish)) continue;
      const mayBeThere = publish.earlier === 'unknown';
      fail(publish, mayBeThere ? this.loss : new PublishRefusedError(`not published: ${reason}`, { cause }));
    }
    this.dropSettled();
  }

  private remember(exchange: string): void {
    this.lastExchange = exchange;
    if (this.exchanges.size < MAX_EXCHANGES) this.exchanges.add(exchange);
  }

  private existed(exchange: string): boolean {
    return this.exchanges.has(exchange) || this.exchanges.size === MAX_EXCHANGES;
  }

  private watch(publish: Publish, signal: AbortSignal): void {
    const unwatch = onAbort(signal, () => {
      fail(publish, signal.reason);
      // Once for all that one signal ends.
      if (!this.dropPlanned) queueMicrotask(() => this.dropSettled());
      this.dropPlanned = true;
    });
    const { resolve, reject } = publish;
    publish.resolve = (tag) => {
      unwatch();
      resolve(tag);
    };
    publish.reject = (error) => {
      unwatch();
      reject(error);
    };
  }

  /** Rejects what is late; returns the earliest deadline that is left. */
  private sweep(now: number): number {
    let earliest = Infinity;
    const check = (publish: Publish, outcome: 'unknown' | 'not-sent'): void => {
      if (publish.settled) return;
      if (publish.deadline > now) {
        earliest = Math.min(earliest, publish.deadline);
        return;
      }
      const message =
        outcome === 'unknown'
          ? 'no confirm within the deadline: whether the broker has the message is unknown'
          : `not published within the deadline: ${this.reasonToWait(publish)}`;
      fail(publish, new PublishTimeoutError(message, outcome));
    };
    this.confirms.forEach((publish) => check(publish, 'unknown'));
    for (const publish of this.refused) check(publish, 'unknown');
    for (const publish of this.waiting) check(publish, earlierOutcome(publish) ?? 'not-sent');
    this.dropSettled();
    this.pump();
    return earliest;
  }

  private reasonToWait({ exchange, body }: Publish): string {
    const obstacle = this.obstacle(body.length) ?? this.unknown(this.looking ?? exchange);
    return obstacle?.reason ?? 'others were before it';
  }

  /** Removes publishes that have their outcome, so that they take no room from those that wait. */
  private dropSettled(): void {
    this.dropPlanned = false;
    this.removeTaken();
    this.refused = this.refused.filter(({ settled }) => !settled);
    this.refusedBytes = this.refused.reduce((bytes, { body }) => bytes + body.length, 0);
    this.waiting = this.waiting.filter(({ settled }) => !settled);
    this.waitingBytes = this.waiting.reduce((bytes, { body }) => bytes + body.length, 0);
    this.notifySettled();
  }

  private removeTaken(): void {
    if (this.taken > 0) this.waiting.splice(0, this.taken);
    this.taken = 0;
  }

  private notifySettled(): void {
    if (this.confirms.count > 0) return;
    for (const waiter of this.confirmedWaiters.splice(0)) waiter.resolve();
    if (this.waiting.length > 0 || this.refused.length > 0) return;
    for (const waiter of this.settledWaiters.splice(0)) waiter.resolve();
  }
}

/** The outcome of every publish on a channel without confirms: it is settled as soon as it is handed over. */
const SENT = Promise.resolve(0);

const BEHIND_OTHERS: Obstacle = { kind: 'busy', reason: 'others wait before it' };
const BEHIND_THE_FIRST: Obstacle = { ...BEHIND_OTHERS, kind: 'soon' };

function nacked(publish: Publish): PublishNackedError {
  const to = `exchange '${publish.exchange}', routing key '${publish.routingKey}'`;
  return new PublishNackedError(`the broker could not take the message (basic.nack; ${to})`, earlierOutcome(publish));
}

function describe({ exchange, routingKey, properties, body }: Message): PublishMessage {
  return { exchange, routingKey, properties, size: body.length };
}

function reportConfirm(publish: Publish, outcome: ConfirmMessage['outcome']): void {
  const message: ConfirmMessage = { ...describe(publish), outcome };
  diagnostics.confirm.publish(message);
}

/** Lost with the connection: what of it has arrived cannot be known. */
const LOST_WITH_THE_LINK: Verdict = { notThereFrom: Infinity, guilty: () => false };

/** Returns `'unknown'` if the broker may have the message from an earlier sending, else undefined. */
function earlierOutcome({ earlier }: Publish): 'unknown' | undefined {
  return earlier === 'unknown' ? 'unknown' : undefined;
}

/** Gives the caller its outcome, the first one only. */
function succeed(publish: Publish, deliveryTag: number): void {
  if (publish.settled) return;
  publish.settled = true;
  publish.resolve(deliveryTag);
}

/** Rejects the caller once; later outcomes are ignored. */
function fail(publish: Publish, error: unknown): void {
  if (publish.settled) return;
  publish.settled = true;
  publish.reject(error);
}
