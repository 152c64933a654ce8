import type { Act, Plan, PublishSettings } from './steps.js';

/** The payload of a message: its number, and the acts of its handlers. */
export interface Letter {
  readonly n: number;
  readonly plan: Plan;
  readonly pad?: string;
}

export function letterOf(n: number, { plan, size }: PublishSettings): Letter {
  return { n, plan, ...(size ? { pad: 'p'.repeat(size) } : {}) };
}

/** A body that is no JSON. The headers identify the message. */
export const NO_JSON = Buffer.from('{"n":');

/** Returns the act of an attempt. */
export function actOf(plan: Plan, attempt: number): Act {
  const act = plan[Math.min(attempt, plan.length) - 1]!;
  // A pipe does not know the attempt, so it refuses at the first one only. A requested retry has an end.
  if (act.do === 'refuse') return { do: attempt === 1 ? 'ok' : 'throw', after: act.after };
  return act.do === 'retry' && attempt > plan.length ? { do: 'ok', after: 0 } : act;
}

/** Returns whether the pipe refuses the letter. */
export function isRefused({ plan }: Letter): boolean {
  return plan[0]!.do === 'refuse';
}

/** Returns the number of a message on the wire; -1 for a message that no user has sent. */
export function numberIn({ headers }: { readonly headers?: Readonly<Record<string, unknown>> | undefined }): number {
  const n = headers?.['n'];
  return typeof n === 'number' ? n : -1;
}
