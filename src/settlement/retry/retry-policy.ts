import { systemRandom, type Random } from '../../../lib/environment/index.js';
import { ConfigurationError } from '../../../lib/client/index.js';
import { exponential, type Backoff } from './backoff.js';
import { count } from '../../common/count.js';
import { describeValue } from '../../common/described-value.js';
import { namesOf } from '../../../lib/option-names/index.js';
import { refuseUnknown } from '../../common/known-options.js';
import { LONGEST_TTL, milliseconds } from '../../common/duration.js';
import { reasonOf } from '../../common/reason.js';
import type { RetryEnd, RetryOptions } from './retry-options.js';

const DEFAULT_ATTEMPTS = 3;
const DEFAULT_BACKOFF = exponential('1s', '30s');
/** Number of retries for which the backoff is called at the start. By then it has reached its maximum. */
const MAX_ASKED = 1_000;
/** Maximum number of delays. Each one is a queue on the broker. */
const MAX_LEVELS = 50;
/** Delay in ms if neither the handler nor a backoff gives one: `retry: false` with a `RetryMessage()`. */
const FALLBACK_DELAY = 1_000;

/** The place in which the messages of a queue wait for their retries. */
export type RetryPlace =
  /** In delay queues of the broker. */
  | 'broker'
  /** In the process, since the queue and its messages end with the connection. */
  | 'process'
  /** In the process, since a stream takes no message back. */
  | 'stream';

const ENDS = namesOf({ park: 0, 'dead-letter': 0, discard: 0, stop: 0 } satisfies Record<RetryEnd, 0>);

const KNOWN = namesOf({ attempts: 0, backoff: 0, delays: 0, then: 0 } satisfies Record<keyof RetryOptions, 0>);

/** Decides the number of attempts, the delays between them, and the settlement after the last, for one consumer. */
export class RetryPolicy {
  /** Number of attempts, with the first one. */
  readonly attempts: number;
  readonly end: RetryEnd;
  /** All possible delays in ms, ascending. */
  readonly levels: readonly number[];
  private readonly backoff: Backoff;

  /**
   * @param owner the handler, for errors: `BillingConsumer.onOrder`
   * @throws ConfigurationError
   */
  constructor(
    private readonly owner: string,
    options: RetryOptions | false | undefined,
    readonly place: RetryPlace,
    private readonly random: Pick<Random, 'next'> = systemRandom,
  ) {
    const given = options === false ? { attempts: 1 } : options === undefined ? {} : options;
    refuseUnknown(`${owner}: retry`, given, KNOWN);
    const { attempts = DEFAULT_ATTEMPTS, backoff = DEFAULT_BACKOFF, delays = [] } = given;
    count(attempts, `${owner}: retry.attempts`, { min: 1 });
    if (typeof backoff !== 'function') {
      throw new ConfigurationError(
        `${owner}: retry.backoff must be a function: exponential('1s', '30s'), fixed('5s') or your own`,
      );
    }
    if (!Array.isArray(delays)) {
      throw new ConfigurationError(`${owner}: retry.delays must be an array; it is ${describeValue(delays)}`);
    }
    if (given.then !== undefined && !ENDS.includes(given.then)) {
      throw new ConfigurationError(
        `${owner}: retry.then must be one of ${ENDS.join(', ')}; it is ${describeValue(given.then)}`,
      );
    }
    this.attempts = attempts;
    this.backoff = backoff;
    this.end = given.then ?? (place === 'process' ? 'dead-letter' : 'park');
    if (this.end === 'stop' && place !== 'stream') {
      throw new ConfigurationError(
        `${owner}: retry.then: 'stop' is for streams; other queues go on without the message`,
      );
    }
    this.levels = this.allLevels(delays.map((delay) => Math.max(1, milliseconds(delay, `${owner}: retry.delays`))));
  }

  /** Returns the delay in ms after this failed attempt. */
  delayAfter(attempt: number): number {
    if (this.attempts === 1) return this.levels[0] ?? FALLBACK_DELAY;
    const candidates = this.candidates(Math.min(attempt, this.attempts - 1));
    return candidates[Math.floor(this.random.next() * candidates.length)] ?? FALLBACK_DELAY;
  }

  private candidates(retry: number): readonly number[] {
    const delays = this.backoff(retry);
    return typeof delays === 'number' ? [delays] : delays;
  }

  /** @throws ConfigurationError if the function throws */
  private asked(retry: number): readonly number[] {
    try {
      return this.candidates(retry);
    } catch (cause) {
      throw new ConfigurationError(`${this.owner}: retry.backoff throws for retry ${retry}: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }

  private allLevels(delays: readonly number[]): readonly number[] {
    const levels = new Set(delays);
    for (let retry = 1; retry < Math.min(this.attempts, MAX_ASKED); retry++) {
      const candidates = this.asked(retry);
      if (!Array.isArray(candidates) || candidates.length === 0 || !candidates.every(isDelay)) {
        throw new ConfigurationError(
          `${this.owner}: retry.backoff gives ${describeDelays(candidates)} for retry ${retry}: give whole milliseconds ` +
            'from 1, one or more, 49 days at most',
        );
      }
      for (const ms of candidates) levels.add(ms);
      if (levels.size > MAX_LEVELS) {
        throw new ConfigurationError(
          `${this.owner}: retry.backoff gives more than ${MAX_LEVELS} different delays, and each is a queue on the broker: let the ` +
            'delays grow faster, or up to a lower maximum',
        );
      }
    }
    return [...levels].sort((a, b) => a - b);
  }
}

/** The delay is the TTL of a queue. */
function isDelay(ms: number): boolean {
  return Number.isInteger(ms) && ms >= 1 && ms <= LONGEST_TTL;
}

function describeDelays(delays: unknown): string {
  return Array.isArray(delays)
    ? `[${delays.join(', ')}]`
    : `no array (${describeValue(delays).replace('of type ', 'a ')})`;
}
