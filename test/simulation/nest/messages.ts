import type { Act, Plan, PublishSettings } from './steps.js';

/** What a message says: who it is, and what its handlers shall do. */
export interface Letter {
  readonly n: number;
  readonly plan: Plan;
  readonly pad?: string;
}

export function letterOf(n: number, { plan, size }: PublishSettings): Letter {
  return { n, plan, ...(size ? { pad: 'p'.repeat(size) } : {}) };
}

/** Bytes that are no JSON; its headers say who it is. */
export const NO_JSON = Buffer.from('{"n":');

/** What is done with an attempt. */
export function actOf(plan: Plan, attempt: number): Act {
  const act = plan[Math.min(attempt, plan.length) - 1]!;
  // Refused is only what is refused the first time: a pipe does not know the attempt. A retry asked for has an end.
  if (act.do === 'refuse') return { do: attempt === 1 ? 'ok' : 'throw', after: act.after };
  return act.do === 'retry' && attempt > plan.length ? { do: 'ok', after: 0 } : act;
}

/** The pipe refuses it. */
export function isRefused({ plan }: Letter): boolean {
  return plan[0]!.do === 'refuse';
}

/** The number of a message on the wire; -1 for one that is not of a user's. */
export function numberIn({ headers }: { readonly headers?: Readonly<Record<string, unknown>> | undefined }): number {
  const n = headers?.['n'];
  return typeof n === 'number' ? n : -1;
}
