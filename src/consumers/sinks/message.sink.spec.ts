import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from '../../../lib/environment/index.js';
import { WireError, type Delivery, type MessageProperties } from '../../../lib/client/index.js';
import { MessageSerializers } from '../../serialization/message-serializers.js';
import { AmqpContext } from '../../settlement/amqp-context.js';
import type { MessageHandler } from '../pipeline/handler.factory.js';
import { MessageSink } from './message.sink.js';
import { settlerWithoutBroker } from '../../settlement/settler.fixture.js';

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

describe('MessageSink', () => {
  const serializers = new MessageSerializers({});
  const sinks: MessageSink[] = [];
  let errors: string[];

  beforeEach(() => {
    errors = [];
    jest.spyOn(Logger.prototype, 'error').mockImplementation((line: unknown) => void errors.push(String(line)));
  });
  afterEach(() => {
    // Ends their timers.
    for (const sink of sinks.splice(0)) sink.abandon();
    jest.restoreAllMocks();
  });

  /** Rejects what fails, for there is no broker to park it. */
  const run = async (delivery: FakeDelivery, handler: MessageHandler): Promise<void> => {
    const settler = settlerWithoutBroker('Billing.onOrder');
    const sink = new MessageSink({ serializers, handler, settler, clock: systemClock });
    sinks.push(sink);
    await sink.handle(delivery as unknown as Delivery);
  };

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

  it('settles a message within the call if there is nothing to await', () => {
    const delivery = new FakeDelivery('{"id":1}');
    void run(delivery, () => 'done');
    expect(delivery.settlements).toEqual(['ack']);
    const failing = new FakeDelivery('{"id":2}');
    void run(failing, () => {
      throw new Error('no funds');
    });
    expect(failing.settlements).toEqual(['reject']);
  });

  it('rejects without requeue when the handler fails, and says which message and where', async () => {
    const delivery = new FakeDelivery('{"card":"4111"}');
    await run(delivery, () => Promise.reject(new Error('no funds')));
    expect(delivery.settlements).toEqual(['reject']);
    expect(errors).toHaveLength(1);
    const [line, ...frames] = errors[0]!.split('\n');
    expect(line).toBe(
      "Message 'm-1' of queue 'billing' failed in Billing.onOrder, attempt 1 of 1: Error: no funds; rejected",
    );
    expect(frames[0]).toMatch(/^ {4}at .*message\.sink\.spec/);
  });

  it('rejects what cannot be decoded, without the handler and without the payload in the log', async () => {
    const delivery = new FakeDelivery('{"card":"4111');
    const handler = jest.fn<MessageHandler>();
    await run(delivery, handler);
    expect(handler).not.toHaveBeenCalled();
    expect(delivery.settlements).toEqual(['reject']);
    expect(errors).toEqual([
      "Message 'm-1' of queue 'billing' failed in Billing.onOrder, attempt 1 of 1: " +
        "UndecodableMessageError: its 13 bytes are not valid 'application/json' ← SyntaxError: Unterminated string in " +
        'JSON at position 13; rejected',
    ]);
  });

  it.each([
    ['is decoded', gzipSync('{}')],
    ['cannot be decoded', Buffer.from('{}')],
  ])('leaves a message alone whose channel was lost before it %s', async (_, body) => {
    const delivery = new FakeDelivery('', { contentType: 'application/json', contentEncoding: 'gzip' });
    Object.assign(delivery, { body });
    const handler = jest.fn<MessageHandler>();
    const handling = run(delivery, handler);
    sinks[0]!.abandon(new Error('the connection was lost'));
    await handling;
    expect(handler).not.toHaveBeenCalled();
    expect(delivery.settlements).toEqual([]);
    expect(errors).toEqual([]);
    expect(sinks[0]!.inFlight).toBe(0);
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
    expect(errors[0]).toMatch(/^Message without id .* WireError: a table that ends too early; rejected$/);
  });

  it('leaves a delivery alone that the handler settled', async () => {
    const delivery = new FakeDelivery('{}');
    await run(delivery, async (_, context) => context.delivery.reject({ requeue: true }));
    expect(delivery.settlements).toEqual(['requeue']);
  });
});
