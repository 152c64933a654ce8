import type { Delivery } from '../../lib/client/index.js';

/** What becomes of a message once its handler is through with it. */
export type Settlement =
  | { readonly kind: 'ack' }
  /** Dead-lettered where the queue says so, else dropped. */
  | { readonly kind: 'reject'; readonly cause: unknown };

/** How a handler ended. */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: unknown };

export function settlementOf(outcome: Outcome): Settlement {
  return outcome.ok ? { kind: 'ack' } : { kind: 'reject', cause: outcome.error };
}

export function settle(delivery: Delivery, settlement: Settlement): void {
  // The handler may have been quicker: the delivery is in its context.
  if (delivery.settled) return;
  if (settlement.kind === 'ack') delivery.ack();
  else delivery.reject({ requeue: false });
}
