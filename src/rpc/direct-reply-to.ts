/**
 * RabbitMQ's pseudo-queue: replies come straight to the channel that has sent the request
 * (https://www.rabbitmq.com/docs/direct-reply-to).
 */
export const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';

/**
 * Whether replies to this address may be mandatory. RabbitMQ returns every mandatory message to a direct reply-to, delivered
 * or not (https://www.rabbitmq.com/docs/direct-reply-to#limitations).
 */
export function tellsUndelivered(replyTo: string): boolean {
  return !replyTo.startsWith(DIRECT_REPLY_TO);
}
