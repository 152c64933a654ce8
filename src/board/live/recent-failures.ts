import type { Clock } from '../../../lib/environment/index.js';
import { framesOf } from '../../common/reason.js';
import { RateMeter } from '../../consumers/sinks/rate-meter.js';
import type { ConsumerFailure } from '../../settlement/consumer-failure.js';

/** Number of failures that are kept. */
const KEPT = 50;
/** Maximum characters of a stack. */
const MAX_STACK = 4_000;
/** Maximum characters of a reason. */
const MAX_REASON = 2_000;
/** Seconds over which failures are counted. */
const WINDOW = 60;

/** A failure as the page shows it. */
export interface ShownFailure {
  /** Grows by one with each failure. */
  readonly number: number;
  /** ms since 1970. */
  readonly at: number;
  readonly handler: string;
  readonly queue: string;
  readonly messageId: string | undefined;
  readonly attempt: number;
  readonly reason: string;
  readonly stack: string | undefined;
  readonly decision: ConsumerFailure['decision'];
  /** Delay until the retry, in ms. */
  readonly delay: number | undefined;
}

/**
 * The last failures as text, and the number of failures of each consumer in the last minute. They are noted also while nobody
 * looks. An error itself is not kept, since it may hold the payload.
 */
export class RecentFailures {
  private readonly failures: ShownFailure[] = [];
  private readonly meters = new Map<string, RateMeter>();
  private count = 0;

  constructor(private readonly clock: Pick<Clock, 'now' | 'wallTime'>) {}

  readonly add = (failure: ConsumerFailure): void => {
    const { consumer: handler, queue, messageId, attempt, reason, cause, decision, delay } = failure;
    this.failures.push({
      number: ++this.count,
      at: this.clock.wallTime(),
      handler,
      queue,
      messageId,
      attempt,
      reason: reason.slice(0, MAX_REASON),
      stack: framesOf(cause)?.slice(0, MAX_STACK),
      decision,
      delay,
    });
    if (this.failures.length > KEPT) this.failures.shift();
    const key = keyOf(queue, handler);
    let meter = this.meters.get(key);
    if (!meter) this.meters.set(key, (meter = new RateMeter(this.clock, WINDOW)));
    meter.add();
  };

  /** The number of the last failure. */
  get last(): number {
    return this.count;
  }

  /** Returns the failures after a number, oldest first. */
  after(number: number): readonly ShownFailure[] {
    return this.failures.filter((failure) => failure.number > number);
  }

  /** Returns the number of failures in the last minute. */
  perMinute(queue: string, handler: string): number {
    return this.meters.get(keyOf(queue, handler))?.recent ?? 0;
  }
}

const keyOf = (queue: string, handler: string): string => `${handler}\n${queue}`;
