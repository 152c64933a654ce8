import { describe, expect, it } from '@jest/globals';
import { useLab } from './support/lab.js';

describe('features of RabbitMQ that the embedded broker does not have', () => {
  const lab = useLab();

  it('streams', async () => {
    const channel = await lab.channel();
    const name = lab.name();
    const declared = channel
      .queueDeclare(name, { durable: true, arguments: { 'x-queue-type': 'stream' } })
      .then(() => 'declared')
      .catch((error: { replyText: string }) => lab.plain(error.replyText));
    expect(await declared).toBe(
      lab.differs('streams', {
        rabbitmq: 'declared',
        embedded: `PRECONDITION_FAILED - invalid arg 'x-queue-type' for queue 'q' in vhost '/': "unsupported queue type 'stream'"`,
      }),
    );
  });

  it('a log of its own that clients can read by amq.rabbitmq.log and amq.rabbitmq.trace', async () => {
    const channel = await lab.channel();
    const declared = channel
      .exchangeDeclare('amq.rabbitmq.trace', 'topic', { passive: true })
      .then(() => 'there')
      .catch((error: { replyText: string }) => error.replyText);
    expect(await declared).toBe(
      lab.differs('trace', {
        rabbitmq: 'there',
        embedded: "NOT_FOUND - no exchange 'amq.rabbitmq.trace' in vhost '/'",
      }),
    );
  });
});
