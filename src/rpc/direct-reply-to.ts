/**
 * RabbitMQ's pseudo-queue: replies come straight to the channel that has sent the request
 * (https://www.rabbitmq.com/docs/direct-reply-to).
 */
export const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';
