import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  connect,
  MessageReturnedError,
  NotFoundError,
  PreconditionFailedError,
  type Connection,
} from '../lib/client/index.js';
import { EmbeddedBroker } from '../lib/broker/index.js';

/** Tests the main functions of the embedded broker over its socket. The conformance suite compares it with RabbitMQ in full. */
describe('EmbeddedBroker', () => {
  let broker: EmbeddedBroker;
  let connection: Connection;

  beforeEach(async () => {
    broker = await EmbeddedBroker.start({ port: 0 });
    connection = await connect(broker.url, { reconnect: false });
  });
  afterEach(async () => {
    await connection.close();
    await broker.close();
  });

  it('routes by topic, confirms, delivers, and accepts acks', async () => {
    const channel = await connection.openChannel({ confirm: true, prefetch: 2 });
    await channel.exchangeDeclare('orders', 'topic');
    await channel.queueDeclare('billing');
    await channel.queueBind('billing', 'orders', 'order.*');
    await channel.publish('orders', 'order.created', 'a', { mandatory: true, headers: { n: 1 } });
    await channel.publish('orders', 'order.paid', 'b', { mandatory: true });
    const texts: string[] = [];
    for await (const delivery of channel.consume('billing')) {
      texts.push(delivery.text());
      delivery.ack();
      if (texts.length === 2) break;
    }
    expect(texts).toEqual(['a', 'b']);
    expect(await channel.queueDelete('billing')).toBe(0);
  });

  it('returns an unroutable message', async () => {
    const channel = await connection.openChannel({ confirm: true });
    const publish = channel.publish('', 'nobody', 'x', { mandatory: true });
    await expect(publish).rejects.toBeInstanceOf(MessageReturnedError);
  });

  it('answers with RabbitMQ’s codes and texts', async () => {
    const channel = await connection.openChannel();
    const missing = channel.queueDeclare('missing', { passive: true });
    await expect(missing).rejects.toThrow(NotFoundError);
    await expect(missing).rejects.toThrow("NOT_FOUND - no queue 'missing' in vhost '/'");
    await channel.queueDeclare('q', { durable: false, exclusive: true });
    const different = channel.queueDeclare('q', { durable: true, exclusive: true });
    await expect(different).rejects.toThrow(PreconditionFailedError);
    await expect(different).rejects.toThrow("inequivalent arg 'durable' for queue 'q' in vhost '/'");
  });

  it('requeues the unacked messages of a closed channel as redelivered', async () => {
    const first = await connection.openChannel();
    await first.queueDeclare('q');
    await first.publish('', 'q', 'x');
    expect((await first.basicGet('q'))?.redelivered).toBe(false);
    await first.close();
    const second = await connection.openChannel();
    const again = await second.basicGet('q');
    expect(again?.redelivered).toBe(true);
    again!.ack();
  });
});
