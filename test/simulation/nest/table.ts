import type { ConsumerFailure } from '../../../src/index.js';
import { BACKOFF, type Act, type NestSettings, type Target } from './steps.js';

/** The outcome of an attempt: the act of the handler, or `refuse` if the handler was not called. */
export type Outcome = Exclude<Act['do'], 'hang'>;

/** The fate of the message after an outcome. `settled`: the handler acked it before it threw. */
export type Fate = 'done' | ConsumerFailure['decision'];

const FINAL: ReadonlySet<Fate> = new Set<Fate>(['done', 'park', 'dead-letter', 'discard', 'answer', 'settled', 'stop']);

/** Returns whether the message does not come again. */
export function isFinal(fate: Fate): boolean {
  return FINAL.has(fate);
}

/** The retries of one queue's messages, and their end. */
export type Terms = Pick<NestSettings, 'attempts' | 'then'> & {
  /** A delay queue for a retry that a handler asks for may be declared. */
  readonly anyDelay: boolean;
};

/** A server that takes its queue as it is declares no other, so by default it makes one attempt, and rejects. */
export function termsOf({ attempts, then, taken }: NestSettings, to: Target | undefined): Terms {
  return taken && to === 'micro'
    ? { attempts: 1, then: 'dead-letter', anyDelay: false }
    : { attempts, then, anyDelay: true };
}

/** The table of docs/retry-and-parking.md, written independently, to compare `src/settlement/decision.ts` with it. */
export function fateOf(outcome: Outcome, attempt: number, terms: Terms, answered: boolean): Fate {
  switch (outcome) {
    case 'ok':
      return 'done';
    case 'settleAndThrow':
      return 'settled';
    case 'reject':
    case 'rejectByHand':
      return 'dead-letter';
    case 'requeue':
    case 'nack':
      return 'requeue';
    case 'retry':
      return terms.anyDelay ? 'retry' : terms.then;
    case 'refuse':
      return answered ? 'answer' : terms.then;
    case 'throw':
    case 'throwAll':
      if (answered) return 'answer';
      return attempt < terms.attempts ? 'retry' : terms.then;
  }
}

/** Returns the possible delays after this attempt, ms. */
export function delaysAfter(attempt: number, { attempts, backoff }: NestSettings): readonly number[] {
  if (attempts === 1) return [backoff === 'fixed' ? BACKOFF.fixed : BACKOFF.initial, 1_000];
  if (backoff === 'fixed') return [BACKOFF.fixed];
  const delay = Math.min(BACKOFF.max, BACKOFF.initial * 2 ** (Math.min(attempt, attempts - 1) - 1));
  return [Math.round(delay / 2), delay];
}
