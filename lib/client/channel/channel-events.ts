import type { Consumer } from '../consuming/consumer.js';
import type { Delivery, DeliveryInfo } from '../consuming/delivery.js';
import type { AmqpError, ChannelError, ConnectionError, ConsumerCancelledError, ReturnedMessage } from '../errors.js';

/** The events of a channel, with the arguments of their listeners. */
export type ChannelEvents = {
  /** The broker closed the channel, or the connection was lost. It is restored next, if it may be. */
  lost: [error: ConnectionError | ChannelError];
  /** It is open again, with its QoS, confirm mode and consumers. */
  restored: [];
  /** Closed for good: by `close()`, or with the reason. */
  closed: [error: AmqpError | undefined];
  /** basic.ack for publishes (https://www.rabbitmq.com/docs/confirms). */
  ack: [deliveryTag: number, multiple: boolean];
  /** basic.nack for publishes. */
  nack: [deliveryTag: number, multiple: boolean];
  /** A returned message that no waiting `publish()` accounts for. */
  return: [message: ReturnedMessage];
  /**
   * A consumer cannot be registered for now: another connection has its queue or consumes from it exclusively, or the broker
   * does not answer. It is tried again by itself, and nothing else on the channel waits for it. Told once, until
   * `consumerRestored` or `consumerCancelled`.
   */
  consumerWaiting: [consumer: Consumer, error: AmqpError];
  /** The consumer that `consumerWaiting` told of is registered. */
  consumerRestored: [consumer: Consumer];
  /** A consumer was cancelled by the broker, and could not be restored. */
  consumerCancelled: [error: ConsumerCancelledError];
  /** A delivery handler threw, or rejected; the delivery is left unsettled. */
  handlerError: [error: unknown, delivery: Delivery];
  /** A message over `maxMessageSize` came and was rejected without being buffered. */
  tooLarge: [message: DeliveryInfo, size: number];
};
