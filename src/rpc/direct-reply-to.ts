/**
 * RabbitMQ's pseudo-queue for replies. A reply to it goes directly to the channel that sent the request
 * (https://www.rabbitmq.com/docs/direct-reply-to).
 */
export const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';

/**
 * Returns true if replies to this address can be mandatory. RabbitMQ returns every mandatory message to a direct
 * reply-to address, even if it was delivered (https://www.rabbitmq.com/docs/direct-reply-to#limitations).
 */
export function tellsUndelivered(replyTo: string): boolean {
  return !replyTo.startsWith(DIRECT_REPLY_TO);
}
