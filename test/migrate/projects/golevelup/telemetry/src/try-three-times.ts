import type { Channel, ConsumeMessage } from 'amqplib';

/** Puts a message back to the end of its queue, twice at most. */
export async function tryThreeTimes(channel: Channel, message: ConsumeMessage): Promise<void> {
  const failed = Number(message.properties.headers?.['x-failed'] ?? 0) + 1;
  if (failed < 3) {
    channel.sendToQueue('alarms', message.content, { headers: { 'x-failed': failed } });
  }
  channel.ack(message);
}
