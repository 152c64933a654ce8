import { Buffer } from 'node:buffer';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Delivery } from '../../../../lib/client/index.js';
import { systemClock } from '../../../../lib/environment/index.js';
import { MessageSerializers } from '../../../serialization/message-serializers.js';
import { settlerWithoutBroker } from '../../../settlement/settler.fixture.js';
import type { MessageHandler } from '../../pipeline/handler.factory.js';
import { BatchSink } from './batch.sink.js';
import type { AmqpBatchContext } from './batch-item.js';

function delivery(): Delivery {
  const properties = { contentType: 'application/json', messageId: 'm-1' };
  return { body: Buffer.from('1'), properties, exchange: '', routingKey: 'billing', settled: false } as Delivery;
}

describe('BatchSink', () => {
  beforeEach(() => {
    jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each([
    ['returns', (value: unknown) => value],
    [
      'throws',
      () => {
        throw new Error('too late');
      },
    ],
  ])('handles nothing of a channel that is lost while an item pipe runs, which %s', async (_, transform) => {
    const handler = jest.fn<MessageHandler<AmqpBatchContext>>();
    let go = (): void => {};
    const held = new Promise<void>((resolve) => (go = resolve));
    const failures: unknown[] = [];
    const sink = new BatchSink({
      queue: 'billing',
      limits: { size: 1, maxWait: 1_000, concurrency: 1, prefetch: 1 },
      itemPipes: [{ transform: (value: unknown) => held.then(() => transform(value)) }],
      serializers: new MessageSerializers({}),
      handler,
      settler: settlerWithoutBroker('Billing.onOrders', (failure) => failures.push(failure)),
      clock: systemClock,
    });
    const handled = sink.handle(delivery());
    sink.abandon(new Error('lost'));
    go();
    await handled;
    expect(handler).not.toHaveBeenCalled();
    expect(failures).toEqual([]);
    expect(sink.inFlight).toBe(0);
    expect(sink.handled.total).toBe(0);
  });
});
