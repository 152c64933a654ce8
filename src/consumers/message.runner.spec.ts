import { Buffer } from 'node:buffer';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { WireError, type Delivery, type MessageProperties } from '../../lib/client/index.js';
import { ConnectionRegistry } from '../module/connection-registry.js';
import { NamedConnection } from '../module/named-connection.js';
import { AmqpContext } from './amqp-context.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import type { MessageHandler } from './handler.factory.js';
import { MessageRunner } from './message.runner.js';

const consumer = { name: 'Billing.onOrder', queue: 'billing', options: {} } as DiscoveredConsumer;

/** A delivery that notes how it was settled. */
class FakeDelivery {
  readonly settlements: string[] = [];
  readonly deliveryTag = 7;
  readonly routingKey = 'order.created';
  readonly body: Buffer;

  constructor(
    body: string,
    readonly properties: MessageProperties = { contentType: 'application/json', messageId: 'm-1' },
  ) {
    this.body = Buffer.from(body);
  }

  get settled(): boolean {
    return this.settlements.length > 0;
  }

  ack(): void {
    this.settlements.push('ack');
  }

  reject({ requeue }: { requeue: boolean }): void {
    this.settlements.push(requeue ? 'requeue' : 'reject');
  }
}

describe('MessageRunner', () => {
  const connections = new ConnectionRegistry();
  connections.add(new NamedConnection('default', { url: 'amqp://localhost' }));
  const runner = new MessageRunner(connections);
  let errors: string[];

  beforeEach(() => {
    errors = [];
    jest.spyOn(Logger.prototype, 'error').mockImplementation((line: unknown) => void errors.push(String(line)));
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const run = (delivery: FakeDelivery, handler: MessageHandler): Promise<void> =>
    runner.run(consumer, handler, delivery as unknown as Delivery);

  it('hands over the payload and the context, and acknowledges when the handler is done, not before', async () => {
    const delivery = new FakeDelivery('{"id":1}');
    await run(delivery, async (payload, context) => {
      await Promise.resolve();
      expect(payload).toEqual({ id: 1 });
      expect(context).toBeInstanceOf(AmqpContext);
      expect(context).toMatchObject({ queue: 'billing', delivery, properties: { messageId: 'm-1' }, headers: {} });
      expect(delivery.settlements).toEqual([]);
    });
    expect(delivery.settlements).toEqual(['ack']);
    expect(errors).toEqual([]);
  });

  it('rejects without requeue when the handler fails, and says which message and where', async () => {
    const delivery = new FakeDelivery('{"card":"4111"}');
    await run(delivery, () => Promise.reject(new Error('no funds')));
    expect(delivery.settlements).toEqual(['reject']);
    expect(errors).toEqual(["Rejected message 'm-1' of queue 'billing' in Billing.onOrder: Error: no funds"]);
  });

  it('rejects what cannot be decoded, without the handler and without the payload in the log', async () => {
    const delivery = new FakeDelivery('{"card":"4111');
    const handler = jest.fn<MessageHandler>();
    await run(delivery, handler);
    expect(handler).not.toHaveBeenCalled();
    expect(delivery.settlements).toEqual(['reject']);
    expect(errors).toEqual([
      "Rejected message 'm-1' of queue 'billing' in Billing.onOrder: " +
        "UndecodableMessageError: its 13 bytes are not valid 'application/json'",
    ]);
  });

  it('rejects a message with malformed properties', async () => {
    const delivery = new FakeDelivery('{}');
    Object.defineProperty(delivery, 'properties', {
      get: () => {
        throw new WireError('SYNTAX_ERROR', 'a table that ends too early');
      },
    });
    await run(delivery, () => Promise.resolve());
    expect(delivery.settlements).toEqual(['reject']);
    expect(errors[0]).toMatch(/^Rejected message without id .* WireError: a table that ends too early$/);
  });

  it('leaves a delivery alone that the handler settled', async () => {
    const delivery = new FakeDelivery('{}');
    await run(delivery, async (_, context) => context.delivery.reject({ requeue: true }));
    expect(delivery.settlements).toEqual(['requeue']);
  });
});
