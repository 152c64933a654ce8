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
import type { RpcErrors } from '../../rpc/told-error.js';
import type { ConsumerFailure } from '../../settlement/consumer-failure.js';
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
  let failures: ConsumerFailure[];
  let errors: RpcErrors;

  beforeEach(() => {
    replies = [];
    failures = [];
    errors = 'exceptions';
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
    const settler = settlerWithoutBroker('Prices.price', (failure) => failures.push(failure));
    const serializers = new MessageSerializers({});
    const names = { name: 'Prices.price', queue: 'prices' };
    const telling = { errorsOf: () => errors, newErrorId: () => 'id-1' };
    const parts = { ...names, ...telling, serializers, handler, settler, clock: systemClock, replies: channel };
    const sink = new RpcSink(parts);
    sinks.push(sink);
    await sink.handle(delivery as unknown as Delivery);
  };

  it('sends an error in place of a reply that the broker refuses', async () => {
    await run(() => Promise.resolve({ cents: 1 }), tooLarge);
    expect(replies).toEqual([
      { cents: 1 },
      { status: 'error', name: 'Error', message: 'internal error id-1', id: 'id-1' },
    ]);
    expect(failures).toMatchObject([{ cause: tooLarge, errorId: 'id-1' }]);
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

  it('answers with an error if JSON would write the result as an empty object', async () => {
    await run(() => Promise.resolve(new Map([['cents', 1]])));
    expect(replies).toEqual([{ status: 'error', name: 'Error', message: 'internal error id-1', id: 'id-1' }]);
    expect(failures).toMatchObject([{ cause: { message: expect.stringContaining('send Object.fromEntries(map)') } }]);
    expect(settlements).toEqual(['ack']);
  });

  it('answers with any error, whatever its methods throw', async () => {
    const hostile = Object.assign(new RangeError('far'), {
      getResponse() {
        throw new Error('not to be called');
      },
    });
    await run(() => Promise.reject(hostile));
    expect(replies).toEqual([{ status: 'error', name: 'Error', message: 'internal error id-1', id: 'id-1' }]);
    expect(settlements).toEqual(['ack']);
  });

  it('puts the id of an error that the reply hides into the log line and the event', async () => {
    await run(() => Promise.reject(new RangeError('row 7 of table cards')));
    expect(JSON.stringify(replies)).not.toContain('cards');
    expect(failures).toMatchObject([
      { decision: 'answer', cause: { message: 'row 7 of table cards' }, errorId: 'id-1' },
    ]);
    const [[line] = []] = jest.mocked(Logger.prototype.error).mock.calls;
    expect(line).toMatch(/row 7 of table cards; answered with the error \(told as internal error id-1\)/);
  });

  it('has no id where the reply tells the error', async () => {
    errors = 'message';
    await run(() => Promise.reject(new RangeError('too far')));
    expect(replies).toEqual([{ status: 'error', name: 'RangeError', message: 'too far' }]);
    expect(failures).toMatchObject([{ errorId: undefined }]);
    expect(jest.mocked(Logger.prototype.error).mock.calls[0]?.[0]).not.toContain('told as');
  });

  it('logs the error of a function that maps errors, and tells of an internal error', async () => {
    errors = () => {
      throw new TypeError('the mapper is wrong');
    };
    await run(() => Promise.reject(new RangeError('too far')));
    expect(replies).toEqual([{ status: 'error', name: 'Error', message: 'internal error id-1', id: 'id-1' }]);
    const lines = jest.mocked(Logger.prototype.error).mock.calls.map(([line]) => line as string);
    expect(lines).toEqual([
      expect.stringContaining('TypeError: the mapper is wrong'),
      expect.stringContaining('too far'),
    ]);
  });
});
