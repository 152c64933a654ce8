import type { ConsumerFailure } from '../../../src/index.js';
import { BACKOFF, type Act, type NestSettings } from './steps.js';

/** The outcome of an attempt: the act of the handler, or `refuse` if the handler was not called. */
export type Outcome = Exclude<Act['do'], 'hang'>;

/** The fate of the message after an outcome. `settled`: the handler acked it before it threw. */
export type Fate = 'done' | ConsumerFailure['decision'];

const FINAL: ReadonlySet<Fate> = new Set<Fate>(['done', 'park', 'dead-letter', 'discard', 'answer', 'settled', 'stop']);

/** Returns whether the message does not come again. */
export function isFinal(fate: Fate): boolean {
  return FINAL.has(fate);
}

/** The table of docs/retry-and-parking.md, written independently, to compare `src/settlement/decision.ts` with it. */
export function fateOf(outcome: Outcome, attempt: number, settings: NestSettings, answered: boolean): Fate {
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
      return 'retry';
    case 'refuse':
      return answered ? 'answer' : settings.then;
    case 'throw':
    case 'throwAll':
      if (answered) return 'answer';
      return attempt < settings.attempts ? 'retry' : settings.then;
  }
}

/** Returns the possible delays after this attempt, ms. */
export function delaysAfter(attempt: number, { attempts, backoff }: NestSettings): readonly number[] {
  if (attempts === 1) return [backoff === 'fixed' ? BACKOFF.fixed : BACKOFF.initial, 1_000];
  if (backoff === 'fixed') return [BACKOFF.fixed];
  const delay = Math.min(BACKOFF.max, BACKOFF.initial * 2 ** (Math.min(attempt, attempts - 1) - 1));
  return [Math.round(delay / 2), delay];
}
