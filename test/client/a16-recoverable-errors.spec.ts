import { describe, expect, it } from '@jest/globals';
import * as client from '../../lib/client/index.js';
import { Connection, NotFoundError, ResourceLockedError, TimeoutError } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';

describe('A16 recoverable errors', () => {
  const harness = useClientHarness();
  const isOneOf = (error: unknown, classes: readonly (abstract new (...args: never) => unknown)[]): boolean =>
    classes.some((type) => error instanceof type);

  it('A16 a queue locked by another connection: the same call may succeed later', async () => {
    const [owner, other] = [await harness.connect(), await harness.connect()];
    const queue = harness.name();
    const owning = await owner.openChannel();
    await owning.queueDeclare(queue, { exclusive: true });
    const channel = await other.openChannel();

    const error = await errorOf(channel.queueDeclare(queue, { passive: true }));

    expect(error).toBeInstanceOf(ResourceLockedError);
    expect(isOneOf(error, Connection.recoverableChannelErrors)).toBe(true);
    expect(isOneOf(error, Connection.recoverableConnectionErrors)).toBe(false);
    expect(Connection.isRecoverable(error)).toBe(true);

    await owning.queueDelete(queue);
    await channel.queueDeclare(queue, { exclusive: true });
  });

  it('A16 a missing queue is not recoverable: it needs a change', async () => {
    const channel = await (await harness.connect()).openChannel();
    const error = await errorOf(channel.queueDeclare(harness.name(), { passive: true }));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(isOneOf(error, Connection.recoverableChannelErrors)).toBe(false);
    expect(Connection.isRecoverable(error)).toBe(false);
  });

  it('A16 a lost connection is recoverable', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel();
    proxy.stall();
    const pending = errorOf(channel.queueDeclare(harness.name(), { exclusive: true }));
    proxy.cut();
    const error = await pending;
    expect(isOneOf(error, Connection.recoverableConnectionErrors)).toBe(true);
    expect(isOneOf(error, Connection.recoverableChannelErrors)).toBe(false);
    expect(Connection.isRecoverable(error)).toBe(true);
  });

  it('A16 missed deadlines are recoverable; errors of other libraries are not', () => {
    expect(Connection.isRecoverable(new TimeoutError('late'))).toBe(true);
    expect(Connection.isRecoverable(new Error('whatever'))).toBe(false);
    expect(Connection.isRecoverable(undefined)).toBe(false);
  });

  it('A16 the lists hold exported classes, by scope', () => {
    const exported = new Set<unknown>(Object.values(client));
    for (const type of [...Connection.recoverableConnectionErrors, ...Connection.recoverableChannelErrors]) {
      expect(exported.has(type)).toBe(true);
    }
    for (const type of Connection.recoverableConnectionErrors) {
      expect(type.prototype).toBeInstanceOf(client.ConnectionError);
    }
    for (const type of Connection.recoverableChannelErrors) expect(type.prototype).toBeInstanceOf(client.ChannelError);
  });
});
