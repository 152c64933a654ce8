import { Buffer } from 'node:buffer';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from '../../../lib/environment/index.js';
import {
  ChannelClosedError,
  MessageReturnedError,
  PreconditionFailedError,
  type Delivery,
  type ReturnedMessage,
} from '../../../lib/client/index.js';
import type { PublisherChannel } from '../../publishers/publisher-channel.js';
import { MessageSerializers } from '../../serialization/message-serializers.js';
import { settlerWithoutBroker } from '../../settlement/settler.fixture.js';
import type { MessageHandler } from '../pipeline/handler.factory.js';
import { RpcSink } from './rpc.sink.js';

const tooLarge = new PreconditionFailedError(
  '406 PRECONDITION_FAILED - message size 140000000 is larger than configured',
);

describe('RpcSink', () => {
  const sinks: RpcSink[] = [];
  const settlements: string[] = [];
  let replies: unknown[];

  beforeEach(() => {
    replies = [];
    settlements.length = 0;
    for (const level of ['error', 'warn'] as const) jest.spyOn(Logger.prototype, level).mockReturnValue(undefined);
  });
  afterEach(() => {
    // Ends their timers.
    for (const sink of sinks.splice(0)) sink.abandon();
    jest.restoreAllMocks();
  });

  /** @param outcomes of the publishes, in their order; an error is the broker's */
  const run = async (handler: MessageHandler, ...outcomes: (Error | undefined)[]): Promise<void> => {
    const channel = {
      publish: (_exchange: string, _queue: string, body: Uint8Array) => {
        replies.push(JSON.parse(Buffer.from(body).toString()));
        const failure = outcomes.shift();
        return failure ? Promise.reject(failure) : Promise.resolve(1);
      },
    } as unknown as PublisherChannel;
    const delivery = {
      deliveryTag: 7,
      routingKey: 'prices',
      body: Buffer.from('1'),
      properties: { contentType: 'application/json', replyTo: 'amq.rabbitmq.reply-to.x', correlationId: 'c' },
      get settled(): boolean {
        return settlements.length > 0;
      },
      ack: () => settlements.push('ack'),
      reject: () => settlements.push('reject'),
    };
    const settler = settlerWithoutBroker('Prices.price');
    const serializers = new MessageSerializers({});
    const names = { name: 'Prices.price', queue: 'prices' };
    const sink = new RpcSink({ ...names, serializers, handler, settler, clock: systemClock, replies: channel });
    sinks.push(sink);
    await sink.handle(delivery as unknown as Delivery);
  };

  it('sends an error in place of a reply that the broker refuses', async () => {
    await run(() => Promise.resolve({ cents: 1 }), tooLarge);
    expect(replies).toEqual([
      { cents: 1 },
      { status: 'error', name: 'PreconditionFailedError', message: expect.stringContaining('406 PRECONDITION_FAILED') },
    ]);
    expect(settlements).toEqual(['ack']);
  });

  it.each<[string, MessageHandler, Error]>([
    ['an error that the broker refuses', () => Promise.reject(new Error('no')), tooLarge],
    ['a reply that is lost with its channel', () => Promise.resolve(1), new ChannelClosedError('closed', 'unknown')],
    ['a reply that nobody waits for', () => Promise.resolve(1), new MessageReturnedError({ replyCode: 312, replyText: 'NO_ROUTE', exchange: '', routingKey: 'x' } as ReturnedMessage)],
  ])('sends nothing in place of %s', async (_, handler, failure) => {
    await run(handler, failure);
    expect(replies).toHaveLength(1);
    expect(settlements).toEqual(['ack']);
  }); // prettier-ignore

  it('answers with any error, whatever its methods throw', async () => {
    const hostile = Object.assign(new RangeError('far'), {
      getResponse() {
        throw new Error('not to be called');
      },
    });
    await run(() => Promise.reject(hostile));
    expect(replies).toEqual([{ status: 'error', name: 'RangeError', message: 'far' }]);
    expect(settlements).toEqual(['ack']);
  });
});
