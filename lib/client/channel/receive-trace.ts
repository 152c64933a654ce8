import type { Delivery } from '../consuming/delivery.js';
import { trace, tracing, type BrokerPeer } from '../tracing.js';

/** The message of `tracing:nest-amqp:receive:*`: one `basicGet()`, from its call to its answer. */
export interface ReceiveTrace {
  /** The name of the queue that was given to `basicGet`. */
  readonly queue: string;
  /** True if the message needs no acknowledgement. */
  readonly noAck: boolean;
  /** The broker of the channel; undefined while there is none. */
  readonly peer: BrokerPeer | undefined;
  /** The message; set from `asyncEnd` on, undefined if the queue was empty. */
  readonly delivery: Delivery | undefined;
  /** The error of a call that failed. */
  readonly error?: unknown;
}

type Open = { -readonly [Field in keyof ReceiveTrace]: ReceiveTrace[Field] };

/** Runs a `basicGet()` as a traced operation. */
export function traceReceive(
  begun: Pick<ReceiveTrace, 'queue' | 'noAck' | 'peer'>,
  get: () => Promise<Delivery | undefined>,
): Promise<Delivery | undefined> {
  const message: Open = { ...begun, delivery: undefined };
  return trace(tracing.receive, message, get, (open, delivery) => (open.delivery = delivery));
}
