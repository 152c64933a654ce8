import { describe, expect, it } from '@jest/globals';
import { ConnectionClosedError } from '../../lib/client/index.js';
import { systemEnvironment } from '../common/environment.js';
import { MessageSerializers } from '../serialization/message-serializers.js';
import type { RequestChannel } from './requester.js';
import { RpcRequester } from './rpc.requester.js';

describe('RpcRequester', () => {
  it('asks nothing once it closes: nobody listens for the reply', async () => {
    const asked: string[] = [];
    let closed = (): void => {};
    const channel: RequestChannel = {
      publish: (_, routingKey) => {
        asked.push(routingKey);
        return new Promise(() => {});
      },
      close: () => new Promise((resolve) => (closed = resolve)),
    };
    const requester = new RpcRequester(() => channel, systemEnvironment, new MessageSerializers({}));
    const before = requester.request('', 'before', Buffer.from('1'), {});
    const closing = requester.close();
    expect(() => requester.request('', 'after', Buffer.from('2'), {})).toThrow(ConnectionClosedError);
    await expect(before).rejects.toBeInstanceOf(ConnectionClosedError);
    closed();
    await closing;
    expect(asked).toEqual(['before']);
  });

  it('tells why the connection is not open when there is no reply', async () => {
    const channel: RequestChannel = { publish: () => new Promise(() => {}), close: () => Promise.resolve() };
    let away: string | undefined = 'connect ECONNREFUSED 127.0.0.1:5672';
    const serializers = new MessageSerializers({});
    const requester = new RpcRequester(
      () => channel,
      systemEnvironment,
      serializers,
      1,
      () => away,
    );
    const ask = (): Promise<unknown> => requester.request('', 'prices', Buffer.from('1'), {});
    const why = 'the connection is not open (connect ECONNREFUSED 127.0.0.1:5672)';
    await expect(ask()).rejects.toThrow(`No reply from queue 'prices' within 1 ms: ${why}`);
    away = undefined;
    await expect(ask()).rejects.toThrow(/^No reply from queue 'prices' within 1 ms\.$/);
  });
});
