import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import { PublishTimeoutError, type Delivery } from '../../lib/client/index.js';
import { useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

/** Large enough to be written from the caller's own buffer, and too small to be written at once. */
const SIZE = 20_000;

describe('the buffer of a publish without confirms', () => {
  const harness = useClientHarness();

  it('may be changed as soon as the publish has resolved', async () => {
    const channel = await (await harness.connect()).openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add, { noAck: true });
    const body = Buffer.alloc(SIZE, 1);
    await channel.publish('', queue, body);
    body.fill(2);
    expect((await inbox.next()).body.equals(Buffer.alloc(SIZE, 1))).toBe(true);
  });

  it.each([20_000, 100_000, 1_000_000])(
    'may be reused once the socket has taken %d bytes, without another write',
    async (size) => {
      const channel = await (await harness.connect({ heartbeat: 0 })).openChannel();
      for (let round = 0; round < 20; round++) {
        await channel.publish('', 'nowhere', Buffer.alloc(size), { timeout: 10_000 });
      }
    },
  );

  it('stays in use while the socket accepts no bytes, until the deadline', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ heartbeat: 0 });
    const channel = await connection.openChannel();
    proxy.stall('toServer');
    // The body exceeds the kernel's buffers.
    const publish = channel.publish('', 'nowhere', Buffer.alloc(40_000_000), { timeout: 300 });
    const error = await publish.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PublishTimeoutError);
    expect(error).toMatchObject({ outcome: 'unknown' });
    proxy.resume();
  });
});
