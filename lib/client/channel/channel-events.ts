import type { Consumer } from '../consuming/consumer.js';
import type { Delivery, DeliveryInfo } from '../consuming/delivery.js';
import type { AmqpError, ChannelError, ConnectionError, ConsumerCancelledError, ReturnedMessage } from '../errors.js';

/** The events of a channel, with the arguments of their listeners. */
export type ChannelEvents = {
  /**
   * The broker closed the channel, or the connection was lost. The channel is restored next, if its options allow it.
   */
  lost: [error: ConnectionError | ChannelError];
  /** The channel is open again, with its QoS, confirm mode and consumers. */
  restored: [];
  /** The channel is closed for good: by `close()`, or with the reason, which is that of `channel.closed`. */
  closed: [error: Error | undefined];
  /** basic.ack for publishes (https://www.rabbitmq.com/docs/confirms). */
  ack: [deliveryTag: number, multiple: boolean];
  /** basic.nack for publishes. */
  nack: [deliveryTag: number, multiple: boolean];
  /** The broker has returned a message that belongs to no waiting `publish()`. */
  return: [message: ReturnedMessage];
  /**
   * A consumer cannot be registered for now: another connection owns its queue or consumes from it exclusively, or the
   * broker does not answer. The client tries again, and nothing else on the channel waits for it. Emitted once, until
   * `consumerRestored` or `consumerCancelled` follows.
   */
  consumerWaiting: [consumer: Consumer, error: AmqpError];
  /** A consumer of an earlier `consumerWaiting` is registered. */
  consumerRestored: [consumer: Consumer];
  /** The broker has cancelled a consumer, which could not be restored. */
  consumerCancelled: [error: ConsumerCancelledError];
  /** A delivery handler threw or rejected. The delivery is left unsettled. */
  handlerError: [error: unknown, delivery: Delivery];
  /** A message over `maxMessageSize` was received and not buffered: rejected, or returned to its queue by `basicGet()`. */
  tooLarge: [message: DeliveryInfo, size: number];
};
