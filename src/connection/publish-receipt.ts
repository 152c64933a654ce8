/**
 * The broker has the message: every queue that it was routed to has it, on disk if it is persistent.
 *
 * @publicApi
 */
export interface PublishReceipt {
  /** The message id: that of the options, or a random UUID. */
  readonly messageId: string;
  /** Delivery tag of the message on the publishing channel. Starts at 1 again after the channel was lost. */
  readonly deliveryTag: number;
  /** The exchange; `''` is the default exchange. */
  readonly exchange: string;
  /** The routing key. */
  readonly routingKey: string;
  /** Time from the call to the confirm, in ms with fractions. */
  readonly timeToConfirm: number;
}
