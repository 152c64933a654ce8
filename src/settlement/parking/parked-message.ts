import type { Buffer } from 'node:buffer';
import type { Delivery, MessageProperties } from '../../../lib/client/index.js';
import type { FailureRecord } from '../retry/failure-record.js';
import { DELIVERY_HEADERS } from '../retry/forwarded-properties.js';
import { originalProperties } from '../retry/original-properties.js';
import { historyOf } from '../retry/retry-state.js';

/**
 * A message in a parked queue, as its publisher sent it, and why it is there.
 *
 * @publicApi
 */
export interface ParkedMessage {
  /** Undefined if the publisher set none. */
  readonly messageId: string | undefined;
  /** The exchange that it was published to. */
  readonly exchange: string;
  /** The routing key that it was published with. */
  readonly routingKey: string;
  readonly properties: MessageProperties;
  readonly headers: NonNullable<MessageProperties['headers']>;
  readonly body: Buffer;
  /** Number of failed attempts; 0 for a message that no consumer parked. */
  readonly attempts: number;
  readonly firstFailure: FailureRecord | undefined;
  readonly lastFailure: FailureRecord | undefined;
}

/** @param queue the queue that the message was consumed from */
export function parkedMessage(delivery: Delivery, queue: string): ParkedMessage {
  const state = historyOf(delivery, queue);
  const { headers, ...others } = originalProperties(delivery, state);
  const published = { ...headers };
  for (const name of DELIVERY_HEADERS) delete published[name];
  const properties = { ...others, headers: published };
  return {
    messageId: properties.messageId,
    exchange: state?.exchange ?? delivery.exchange,
    routingKey: state?.routingKey ?? delivery.routingKey,
    properties,
    headers: published,
    body: delivery.body,
    attempts: state?.failed ?? 0,
    firstFailure: state?.firstFailure,
    lastFailure: state?.lastFailure,
  };
}
