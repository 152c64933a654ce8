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
});
