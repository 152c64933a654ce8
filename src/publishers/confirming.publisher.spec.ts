import { describe, expect, it, jest } from '@jest/globals';
import { lastValueFrom, toArray } from 'rxjs';
import type { Channel, ChannelOptions } from '../../lib/client/index.js';
import type { AmqpModuleOptions } from '../module/amqp-module.options.js';
import { ConnectionEvents } from '../module/connection-events.js';
import { MessageSerializers } from '../serialization/message-serializers.js';
import { SerializationError } from '../serialization/serialization.errors.js';
import { ConfirmingPublisher, type PublishingConnection } from './confirming.publisher.js';

/** A channel that confirms whatever is published on it, and can be closed. */
function fakeChannel() {
  let end = (): void => {};
  const closed = new Promise<void>((resolve) => (end = resolve));
  const publish = jest.fn<Channel['publish']>().mockResolvedValue(1);
  return { publish, closed, close: () => Promise.resolve(end()) };
}

function publisherOn(channels: ReturnType<typeof fakeChannel>[], options: Partial<AmqpModuleOptions> = {}) {
  const openChannel = jest.fn<(options: ChannelOptions) => Promise<unknown>>();
  for (const channel of channels) openChannel.mockResolvedValueOnce(channel);
  const open = jest.fn<() => Promise<unknown>>().mockResolvedValue({ publishing: { openChannel } });
  const all: AmqpModuleOptions = { url: 'amqp://localhost', ...options };
  const connections = { open } as unknown as PublishingConnection['connections'];
  const events = new ConnectionEvents();
  const connection = { connections, options: all, serializers: new MessageSerializers(all), events };
  return { publisher: new ConfirmingPublisher(connection), events, openChannel, open };
}

describe('ConfirmingPublisher', () => {
  it('opens one channel with confirms, and gives it the deadline of the module', async () => {
    const { publisher, openChannel } = publisherOn([fakeChannel()], { publishTimeout: 5 });
    await Promise.all([publisher.publish('e', 'a', 1), publisher.publish('e', 'b', 2)]);
    expect(openChannel.mock.calls).toEqual([[{ confirm: true, publishTimeout: 5 }]]);
  });

  it('passes on what is particular to one message', async () => {
    const channel = fakeChannel();
    const { publisher } = publisherOn([channel]);
    const { signal } = new AbortController();
    await publisher.publish('e', 'a', 'x', {
      messageId: 'm',
      mandatory: false,
      timeout: 9,
      signal,
      correlationId: 'c',
    });
    expect(channel.publish).toHaveBeenCalledWith('e', 'a', Buffer.from('x'), {
      messageId: 'm',
      contentType: 'text/plain',
      deliveryMode: 2,
      mandatory: false,
      timeout: 9,
      signal,
      correlationId: 'c',
    });
  });

  it('opens another channel when the first is closed for good', async () => {
    const [first, second] = [fakeChannel(), fakeChannel()];
    const { publisher } = publisherOn([first, second]);
    await publisher.publish('e', 'a', 1);
    await first.close();
    await publisher.publish('e', 'a', 2);
    expect(first.publish).toHaveBeenCalledTimes(1);
    expect(second.publish).toHaveBeenCalledTimes(1);
  });

  it('tries again to open a channel when it could not be opened', async () => {
    const { publisher, openChannel } = publisherOn([]);
    openChannel.mockRejectedValueOnce(new Error('no channel left')).mockResolvedValueOnce(fakeChannel());
    await expect(publisher.publish('e', 'a', 1)).rejects.toThrow('no channel left');
    await expect(publisher.publish('e', 'a', 1)).resolves.toMatchObject({ deliveryTag: 1 });
  });

  it('sends nothing that cannot be written', async () => {
    const { publisher, open } = publisherOn([]);
    await expect(publisher.publish('e', 'a', undefined)).rejects.toThrow(SerializationError);
    expect(open).not.toHaveBeenCalled();
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
