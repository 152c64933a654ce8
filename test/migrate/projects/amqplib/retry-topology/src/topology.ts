import type { Channel } from 'amqplib';

export const WORK = 'work';
export const RETRY = 'work.retry';
export const FAILED = 'work.failed';

export async function declareTopology(channel: Channel): Promise<void> {
  await channel.assertExchange('tasks', 'direct', { durable: true, alternateExchange: 'unrouted' });
  await channel.assertExchange('unrouted', 'fanout');
  await Promise.all([
    channel.assertQueue(WORK, { durable: true, maxPriority: 3 }),
    channel.assertQueue(RETRY, {
      durable: true,
      arguments: { 'x-message-ttl': 50, 'x-dead-letter-exchange': 'tasks', 'x-dead-letter-routing-key': 'work' },
    }),
    channel.assertQueue(FAILED, { durable: true }),
  ]);
  await channel.bindQueue(WORK, 'tasks', 'work');
  await channel.bindQueue(FAILED, 'unrouted', '');
}
