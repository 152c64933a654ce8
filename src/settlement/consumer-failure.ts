import type { Decision } from './decision.js';

/**
 * A message that was not handled, and what became of it.
 *
 * @publicApi
 */
export interface ConsumerFailure {
  /** `BillingConsumer.onOrder` */
  readonly consumer: string;
  readonly queue: string;
  /** Undefined where the publisher gave none. */
  readonly messageId: string | undefined;
  /** The attempt that has failed, from 1. */
  readonly attempt: number;
  /** What was thrown. */
  readonly cause: unknown;
  /** The same in words, with its own causes; never the payload, nor a credential. */
  readonly reason: string;
  /** What was done about it: the broker has it so, when you hear of it. */
  readonly decision: Decision['kind'];
  /** Milliseconds until the message comes again; for `retry` only. */
  readonly delay: number | undefined;
}
