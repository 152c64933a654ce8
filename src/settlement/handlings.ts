import { channel } from 'node:diagnostics_channel';
import { Sampler, within, type Clock } from '../../lib/environment/index.js';
import type { Environment } from '../common/environment.js';
import { HandlerTimeoutError } from './settlement.errors.js';
import type { Handling } from './handling.js';

const handlerTimes = channel('nest-amqp:handler-time');

/**
 * The message of `nest-amqp:handler-time`: one handler call that has ended, with or without success, of some that a `Sampler` chose.
 * While nobody subscribes none is chosen.
 */
export interface HandlerTime {
  readonly queue: string;
  /** The consumer, as `ConsumerStatus.handler` names it. */
  readonly handler: string;
  /** Time in the handler with guards, pipes and interceptors, in ms; that of a batch for all of its messages. */
  readonly ms: number;
  /** Number of calls that this one stands for, so that sums and quantiles with these weights are right on average. */
  readonly weight: number;
}

/** The consumer of the handlers. */
export interface HandlingConsumer {
  /** `BillingConsumer.onOrder` */
  readonly name: string;
  readonly queue: string;
  /** Ms that a handler may run; undefined for no limit. */
  readonly timeout: number | undefined;
}

/** Time after which a running handler is reported as slow, ms. */
const SLOW_AFTER = 60_000;

/** The slow handlers of a consumer. */
export interface SlowHandlers {
  /** The number of slow handlers. */
  readonly count: number;
  /** The running time of the oldest, ms. */
  readonly longest: number;
}

/** The running handlers of one consumer, each with its message or batch. */
export class Handlings<T extends { readonly handling: Handling }> {
  /** The start of each running handler, in the order of the starts. */
  private readonly running = new Map<T, number>();
  /** The handlers that were reported as slow. */
  private readonly told = new WeakSet<T>();
  /** Cancels the timer that checks for slow handlers, while it runs. */
  private cancelLook: (() => void) | undefined;
  /** Cancel the deadlines that running handlers have. */
  private readonly cancelDeadlines = new Set<() => void>();

  private readonly clock: Clock;
  private readonly sampler: Sampler;

  /** @param onSlow called once for each handler that has run for a minute */
  constructor(
    { clock, random }: Pick<Environment, 'clock' | 'random'>,
    private readonly consumer: HandlingConsumer,
    private readonly onSlow: (work: T, ms: number) => void,
  ) {
    this.clock = clock;
    this.sampler = new Sampler(random);
  }

  /** Records the start of a handler. */
  begin(work: T): void {
    const now = this.clock.now();
    this.running.set(work, now);
    if (handlerTimes.hasSubscribers) work.handling.weight = this.sampler.take(now);
    this.cancelLook ??= this.look(SLOW_AFTER);
  }

  /**
   * Waits for the handler within its deadline. After the deadline the handler goes on, but its outcome does not count.
   *
   * @throws HandlerTimeoutError, or what the handler throws
   */
  inTime<R>(work: T, handler: Promise<R>): Promise<R> {
    const { timeout } = this.consumer;
    if (timeout === undefined) return handler;
    return within(handler, { clock: this, timeout }, () => {
      const error = new HandlerTimeoutError(timeout);
      work.handling.end(error);
      throw error;
    });
  }

  /** Records the end of a handler, or of its time. */
  end(work: T): void {
    if (work.handling.weight > 0) this.tellTime(work);
    this.running.delete(work);
  }

  private tellTime(work: T): void {
    const began = this.running.get(work);
    // It was abandoned, or its time was over before.
    if (began === undefined) return;
    const { queue, name: handler } = this.consumer;
    const time: HandlerTime = { queue, handler, ms: this.clock.now() - began, weight: work.handling.weight };
    handlerTimes.publish(time);
  }

  /**
   * Ends all running handlers, whose outcomes do not count any more. @returns those whose outcomes counted until now
   */
  abandon(reason: Error): readonly T[] {
    const ended = [...this.running.keys()].filter(({ handling }) => handling.over === undefined);
    for (const { handling } of ended) handling.end(reason);
    this.running.clear();
    return ended;
  }

  /** The slow handlers; undefined if there are none. */
  get slow(): SlowHandlers | undefined {
    const now = this.clock.now();
    const ages = [...this.running.values()].map((began) => now - began).filter((ms) => ms >= SLOW_AFTER);
    return ages.length === 0 ? undefined : { count: ages.length, longest: Math.round(ages[0]!) };
  }

  /** Cancels the timer when no handler runs any more. */
  close(): void {
    this.cancelLook?.();
    this.cancelLook = undefined;
  }

  /** Called when the consumer has stopped. A handler that goes on has no deadline any more, whose timer would keep the process alive. */
  forgetDeadlines(): void {
    for (const cancel of this.cancelDeadlines) cancel();
    this.cancelDeadlines.clear();
  }

  /** The timers of deadlines. */
  after(delay: number, run: () => void): () => void {
    const cancel = this.clock.after(delay, run);
    this.cancelDeadlines.add(cancel);
    return () => {
      cancel();
      this.cancelDeadlines.delete(cancel);
    };
  }

  private look(delay: number): () => void {
    return this.clock.after(delay, () => this.tellSlow(), { keepAlive: false });
  }

  /** Reports handlers that became slow since the last check, and plans the next check. */
  private tellSlow(): void {
    this.cancelLook = undefined;
    const now = this.clock.now();
    for (const [work, began] of this.running) {
      if (now - began < SLOW_AFTER) {
        this.cancelLook = this.look(SLOW_AFTER - (now - began));
        return;
      }
      if (this.told.has(work)) continue;
      this.told.add(work);
      this.onSlow(work, Math.round(now - began));
    }
  }
}
