import type { Buffer } from 'node:buffer';
import type { Delivery, MessageProperties } from '../../../lib/client/index.js';
import type { FailureRecord } from '../retry/failure-record.js';
import { originalProperties } from '../retry/original-properties.js';
import { stateOf } from '../retry/retry-state.js';

/**
 * A message in a parked queue, as its publisher has sent it, and why it is there.
 *
 * @publicApi
 */
export interface ParkedMessage {
  /** Undefined where the publisher gave none. */
  readonly messageId: string | undefined;
  /** The exchange that it was published to. */
  readonly exchange: string;
  /** The routing key that it was published with. */
  readonly routingKey: string;
  readonly properties: MessageProperties;
  readonly headers: NonNullable<MessageProperties['headers']>;
  readonly body: Buffer;
  /** Attempts that have failed; 0 for what was not put here by a consumer. */
  readonly attempts: number;
  readonly firstFailure: FailureRecord | undefined;
  readonly lastFailure: FailureRecord | undefined;
}

export function parkedMessage(delivery: Delivery): ParkedMessage {
  const state = stateOf(delivery);
  const properties = originalProperties(delivery, state);
  return {
    messageId: properties.messageId,
    exchange: state?.exchange ?? delivery.exchange,
    routingKey: state?.routingKey ?? delivery.routingKey,
    properties,
    headers: properties.headers ?? {},
    body: delivery.body,
    attempts: state?.failed ?? 0,
    firstFailure: state?.firstFailure,
    lastFailure: state?.lastFailure,
  };
}
