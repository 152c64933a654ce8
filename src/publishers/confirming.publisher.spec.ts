import { describe, expect, it, jest } from '@jest/globals';
import { lastValueFrom, toArray } from 'rxjs';
import {
  CHECKED_AT,
  ConfigurationError,
  OUTCOME,
  type BasicPublishOptions,
  type Channel,
  type ChannelOptions,
  type PublishOutcome,
} from '../../lib/client/index.js';
import { systemEnvironment } from '../common/environment.js';
import { ConnectionStatus } from '../connection/connection-status.js';
import { ConnectionEvents } from '../connection/connection-events.js';
import { MessageSerializers } from '../serialization/message-serializers.js';
import { SerializationError } from '../serialization/serialization.errors.js';
import type { CheckedPublisherOptions } from './publisher-options.js';
import { ExchangePublisher } from './exchange.publisher.js';
import type { PublishOptions } from './publish-options.js';
import { ConfirmingPublisher, type PublishingConnection } from './confirming.publisher.js';

type MadeByCaller = BasicPublishOptions & { readonly [OUTCOME]: PublishOutcome };

/** A channel that confirms whatever is published on it, and can be closed. */
function fakeChannel() {
  let end = (): void => {};
  const closed = new Promise<void>((resolve) => (end = resolve));
  const publish = jest.fn((...[, , , options]: Parameters<Channel['publish']>) =>
    Promise.resolve((options as MadeByCaller)[OUTCOME].confirmed(1)),
  );
  return { publish, closed, on: () => {}, close: () => Promise.resolve(end()) };
}

function publisherOn(channels: ReturnType<typeof fakeChannel>[], options: CheckedPublisherOptions = {}) {
  const channel = jest.fn<(options: ChannelOptions) => unknown>();
  for (const made of channels) channel.mockReturnValueOnce(made);
  const connections = { channel, environment: systemEnvironment, publishing: new ConnectionStatus() };
  const events = new ConnectionEvents();
  const connection = {
    connections,
    serializers: new MessageSerializers({}),
    events,
  } as unknown as PublishingConnection;
  return { publisher: new ConfirmingPublisher(connection, options), connections, events, channel };
}

describe('ConfirmingPublisher', () => {
  it('makes one channel with confirms, and gives it the limits of the publisher', async () => {
    const { publisher, channel } = publisherOn([fakeChannel()], {
      timeout: 5_000,
      maxInFlight: 7,
      maxInFlightBytes: 70,
      maxWaiting: 8,
      maxWaitingBytes: 9,
      whenUnavailable: 'fail',
      republishUnconfirmed: true,
    });
    await Promise.all([publisher.publish('e', 'a', 1), publisher.publish('e', 'b', 2)]);
    const limits = { maxWaiting: 8, maxWaitingBytes: 9, whenUnavailable: 'fail', republishUnconfirmed: true };
    const inFlight = { maxUnconfirmed: 7, maxUnconfirmedBytes: 70 };
    const made = { confirm: true, findExchanges: true, publishTimeout: 5_000 };
    expect(channel.mock.calls).toEqual([[{ ...made, ...inFlight, ...limits }]]);
  });

  it('passes on what is particular to one message', async () => {
    const channel = fakeChannel();
    const { publisher } = publisherOn([channel]);
    const { signal } = new AbortController();
    await publisher.publish('e', 'first', 'x');
    await publisher.publish('e', 'a', 'x', {
      messageId: 'm',
      mandatory: false,
      timeout: 9,
      signal,
      correlationId: 'c',
    });
    const checked = {
      [CHECKED_AT]: expect.any(Number),
      [OUTCOME]: expect.any(Object),
      messageId: 'm',
      contentType: 'text/plain',
      deliveryMode: 2,
      mandatory: false,
      timeout: 9,
      signal,
      correlationId: 'c',
    };
    expect(channel.publish).toHaveBeenLastCalledWith('e', 'a', Buffer.from('x'), checked);
  });

  it('makes another channel when the first is closed for good', async () => {
    const [first, second] = [fakeChannel(), fakeChannel()];
    const { publisher } = publisherOn([first, second]);
    await publisher.publish('e', 'a', 1);
    await first.close();
    await publisher.publish('e', 'a', 2);
    expect(first.publish).toHaveBeenCalledTimes(1);
    expect(second.publish).toHaveBeenCalledTimes(1);
  });

  it('rejects where no channel can be made, and tries again with the next publish', async () => {
    const { publisher, channel } = publisherOn([]);
    channel.mockImplementationOnce(() => {
      throw new Error('closed');
    });
    channel.mockReturnValueOnce(fakeChannel());
    await expect(publisher.publish('e', 'a', 1)).rejects.toThrow('closed');
    await expect(publisher.publish('e', 'a', 1)).resolves.toMatchObject({ deliveryTag: 1 });
  });

  it.each<[string, readonly unknown[]]>([
    ['mandatory must be true or false', ['true', 1, 'yes', '', 0, null]],
    ['persistent must be true or false', ['no', 1, '', 0, null]],
    ["expiration must be milliseconds from 0, or text such as '10s'", ['10 s', 'soon', '', '-1', -1, NaN, Infinity, null]],
    ['priority must be a whole number from 0 to 255', ['5', -1, 256, 1.5, null]],
    ['headers must be an object', [null, 'abc', 5, [], { CC: 'a' }, { BCC: null }, { CC: ['a', 7] }, { BCC: { a: 'b' } }]],
    ['timeout must be at least 1 ms, or Infinity for no limit', [0, '0s', 0.5, '5', null]],
    ['signal must be an AbortSignal', [null, {}, 'stop']],
    ['timestamp must be a Date', [5, '2026-01-01', null]],
    ['messageId must be a string', [5, null, {}]],
    ['contentType must be a string', [5, null]],
    ['contentEncoding must be a string', [5, null]],
    ['userId must be a string', [5, null]],
  ])('sends nothing with a wrong option: %s', async (expected, wrongs) => {
    const { publisher, channel } = publisherOn([]);
    const [name] = expected.split(' ') as [string];
    for (const wrong of wrongs) {
      const options = { [name]: wrong } as PublishOptions;
      const refused = publisher.publish('e', 'a', 1, options);
      await expect(refused).rejects.toThrow(ConfigurationError);
      await expect(refused).rejects.toThrow(`publish: ${expected}`);
      await expect(refused).rejects.toThrow(/; it is \S/);
      const exchangePublisher = new ExchangePublisher({ exchange: 'e', defaults: { headers: { a: 1 } } }, () => publisher);
      await expect(exchangePublisher.publish('a', 1, options)).rejects.toThrow(`publish: ${expected}`);
    }
    expect(channel).not.toHaveBeenCalled();
  }); // prettier-ignore

  it('takes durations as expiration, and options that are undefined as not given', async () => {
    const channel = fakeChannel();
    const { publisher } = publisherOn([channel]);
    const given = ['10s', '1.5s', 10_000, '60000', '4294967296', undefined];
    const missing = { mandatory: undefined, persistent: undefined, headers: undefined, timeout: undefined };
    for (const expiration of given) await publisher.publish('e', 'a', 1, { ...missing, expiration });
    const sent = channel.publish.mock.calls.map(([, , , options]) => options!);
    expect(sent.map(({ expiration }) => expiration)).toEqual([10_000, 1_500, 10_000, '60000', '4294967296', undefined]);
    for (const options of sent) expect(options).toMatchObject({ mandatory: true, deliveryMode: 2 });
  });

  it('sends nothing that cannot be written', async () => {
    const { publisher, channel } = publisherOn([]);
    await expect(publisher.publish('e', 'a', undefined)).rejects.toThrow(SerializationError);
    expect(channel).not.toHaveBeenCalled();
  });

  it('refuses options that a request sets itself, or that contradict its time limit', async () => {
    const { publisher, channel } = publisherOn([]);
    const given: object[] = [{ replyTo: 'mine' }, { mandatory: false }, { delay: 5 }, { at: new Date() }];
    for (const options of given) {
      const [name] = Object.keys(options);
      await expect(publisher.request('e', 'a', 1, options)).rejects.toThrow(`request: unknown option '${name}'; known`);
    }
    expect(channel).not.toHaveBeenCalled();
  });

  it('tells of what is confirmed, until the connection has no more to tell', async () => {
    const { publisher, events } = publisherOn([fakeChannel()]);
    const confirms = lastValueFrom(publisher.confirms$.pipe(toArray()));
    const returns = lastValueFrom(publisher.returns$.pipe(toArray()));
    await publisher.publish('e', 'a', 1, { messageId: 'm' });
    await publisher.close();
    events.complete();
    expect(await confirms).toMatchObject([{ messageId: 'm' }]);
    expect(await returns).toEqual([]);
  });
});
