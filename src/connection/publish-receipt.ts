/**
 * The broker has the message: it is in every queue it was routed to, written to disk where it is persistent.
 *
 * @publicApi
 */
export interface PublishReceipt {
  readonly messageId: string;
  /** The message's number on the publishing channel; starts again at 1 when the channel was lost. */
  readonly deliveryTag: number;
  readonly exchange: string;
  readonly routingKey: string;
  /** From the call to the confirm, in milliseconds with fractions. */
  readonly timeToConfirm: number;
}
