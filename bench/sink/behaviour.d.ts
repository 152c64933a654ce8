import type { MessageProperties } from '../../lib/client/index.js';

/** The sink's behaviour, set by the case. */
export interface Behaviour {
  /** The content of every delivery: a text, or a number of bytes. */
  readonly delivery: { readonly text?: string; readonly size?: number; readonly properties: MessageProperties };
  /** The number of consumers on a channel at which its deliveries begin. */
  readonly consumers: number;
  /** Sends one delivery per publish, in place of as many as the prefetch allows. */
  readonly echo: boolean;
  /** The number of publishes that always stay unconfirmed. */
  readonly holdConfirms: number;
}
