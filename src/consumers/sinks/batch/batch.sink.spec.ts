import { Buffer } from 'node:buffer';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Delivery } from '../../../../lib/client/index.js';
import { systemClock } from '../../../../lib/environment/index.js';
import type { MessageSerializer } from '../../../serialization/message-serializer.js';
import { MessageSerializers } from '../../../serialization/message-serializers.js';
import { settlerWithoutBroker } from '../../../settlement/settler.fixture.js';
import type { MessageHandler } from '../../pipeline/handler.factory.js';
import { BatchSink, type BatchParts } from './batch.sink.js';
import type { AmqpBatchContext } from './batch-item.js';

function delivery(): Delivery {
  const properties = { contentType: 'application/json', messageId: 'm-1' };
  return { body: Buffer.from('1'), properties, exchange: '', routingKey: 'billing', settled: false } as Delivery;
}

/** Returns a sink of batches of one message, and the failures that it has told. */
function sinkOf(parts: Partial<BatchParts>): { sink: BatchSink; failures: unknown[] } {
  const failures: unknown[] = [];
  const sink = new BatchSink({
    queue: 'billing',
    limits: { size: 1, maxWait: 1_000, concurrency: 1, prefetch: 1 },
    itemPipes: [],
    serializers: new MessageSerializers({}),
    handler: async () => {},
    settler: settlerWithoutBroker('Billing.onOrders', (failure) => failures.push(failure)),
    clock: systemClock,
    ...parts,
  });
  return { sink, failures };
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
    const itemPipes = [{ transform: (value: unknown) => held.then(() => transform(value)) }];
    const { sink, failures } = sinkOf({ itemPipes, handler });
    const handled = sink.handle(delivery());
    sink.abandon(new Error('lost'));
    go();
    await handled;
    expect(handler).not.toHaveBeenCalled();
    expect(failures).toEqual([]);
    expect(sink.inFlight).toBe(0);
    expect(sink.handled.total).toBe(0);
  });

  it('calls no pipe for a message whose channel is lost while it is decoded', async () => {
    const transform = jest.fn((value: unknown) => value);
    let go = (): void => {};
    const held = new Promise<void>((resolve) => (go = resolve));
    const slow: MessageSerializer = {
      accepts: () => true,
      serialize: () => Buffer.of(),
      deserialize: () => held.then(() => 1),
    };
    const { sink, failures } = sinkOf({
      itemPipes: [{ transform }],
      serializers: new MessageSerializers({ serializers: [slow] }),
    });
    const handled = sink.handle(delivery());
    sink.abandon(new Error('lost'));
    go();
    await handled;
    expect(transform).not.toHaveBeenCalled();
    expect(failures).toEqual([]);
    expect(sink.inFlight).toBe(0);
  });
});
