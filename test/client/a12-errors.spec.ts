import { describe, expect, it } from '@jest/globals';
import * as client from '../../lib/client/index.js';
import { closeError } from '../../lib/client/close-error.js';
import { replyCodes } from '../../lib/protocol/spec.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { errorOf, useClientHarness } from './support/client-harness.js';

const { AmqpError, ChannelError, ConnectionError, connect } = client;

describe('A12 errors', () => {
  const harness = useClientHarness();

  it('A12 one class per reply code, named, exported, with code, text, method, scope and recoverable', () => {
    const names = new Set<string>();
    for (const [name, { code, scope }] of Object.entries(replyCodes)) {
      const error = closeError(scope, { replyCode: code, replyText: `${name} - words`, classId: 50, methodId: 10 });
      expect(error).toBeInstanceOf(AmqpError);
      expect(error).toBeInstanceOf(scope === 'channel' ? ChannelError : ConnectionError);
      expect(error).toMatchObject({
        replyCode: code,
        replyText: `${name} - words`,
        method: 'queue.declare',
        scope,
        recoverable: expect.any(Boolean),
        name: error.constructor.name,
      });
      expect(error.message).toContain(`${code} ${name} - words`);
      expect((client as Record<string, unknown>)[error.constructor.name]).toBe(error.constructor);
      names.add(error.constructor.name);
    }
    expect(names.size).toBe(Object.keys(replyCodes).length);
    expect([...names]).toEqual(
      expect.arrayContaining(['NotFoundError', 'AccessRefusedError', 'PreconditionFailedError', 'ResourceLockedError']),
    );
  });

  it('A12 an unknown code is still a channel or connection error', () => {
    const close = { replyCode: 999, replyText: 'NEW', classId: 0, methodId: 0 };
    expect(closeError('channel', close)).toBeInstanceOf(ChannelError);
    expect(closeError('connection', close)).toBeInstanceOf(ConnectionError);
  });

  it('A12 the class and the scope are separate: a refused login is an AccessRefusedError of the connection', async () => {
    const url = new URL(sharedRabbit().url);
    url.username = 'nobody';
    url.password = 'wrong-one';
    const error = await errorOf(harness.tracked('connect', connect({ urls: url.href, clock: harness.clock })));
    expect(error).toBeInstanceOf(client.AccessRefusedError);
    expect(error).toMatchObject({ scope: 'connection', replyCode: 403 });
    expect(JSON.stringify(error) + error.message).not.toContain('wrong-one');
  });

  it('A12 a connection error of the broker is the cause of the errors of all calls', async () => {
    const connection = await harness.connect({ reconnect: false });
    const channel = await connection.openChannel();
    // RabbitMQ does not implement this method, and closes the whole connection for it.
    const error = await errorOf(channel.channelFlow(false));
    expect(error).toBeInstanceOf(client.ConnectionLostError);
    expect(error).toMatchObject({ replyCode: 540, scope: 'connection' });
    expect(error['cause']).toBeInstanceOf(client.NotImplementedError);
    expect(await connection.closed).toBe(error);
  });

  it('A12 errors name the method, as for an unknown exchange', async () => {
    const channel = await (await harness.connect()).openChannel({ restore: false });
    const error = await errorOf(channel.queueBind('amq.none', 'amq.none'));
    expect(error).toBeInstanceOf(client.NotFoundError);
    expect(error).toMatchObject({ method: 'queue.bind', replyCode: 404 });
    expect(error.message).toMatch(/^404 NOT_FOUND - .*queue\.bind/);
  });
});
