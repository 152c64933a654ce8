import type { MessageProperties } from '../../lib/client/index.js';

/** How the sink treats its clients; decided by the case. */
export interface Behaviour {
  /** What every delivery is: a text, or so many bytes. */
  readonly delivery: { readonly text?: string; readonly size?: number; readonly properties: MessageProperties };
  /** A channel's deliveries begin once so many consume on it. */
  readonly consumers: number;
  /** One delivery for each publish, in place of as many as the prefetch allows. */
  readonly echo: boolean;
  /** Publishes that are always left unconfirmed. */
  readonly holdConfirms: number;
}
