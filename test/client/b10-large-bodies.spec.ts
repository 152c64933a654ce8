import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { errorOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import type { Delivery } from '../../lib/client/index.js';
import { sharedRabbit } from '../support/shared-broker.js';

describe('B10 large bodies across frames', () => {
  const harness = useClientHarness();

  it.each([8_192, 131_072])('B10 every size around the frames of %d bytes arrives complete', async (frameMax) => {
    const connection = await harness.connect({ frameMax });
    expect(connection.frameMax).toBe(frameMax);
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const payload = frameMax - 8;
    const sizes = [
      0,
      1,
      payload - 1,
      payload,
      payload + 1,
      2 * payload,
      2 * payload + 1,
      16 * 1024 - 1,
      16 * 1024,
      1_500_000,
    ];
    const bodies = sizes.map((size) => randomBytes(size));
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add, { noAck: true });
    await Promise.all(bodies.map((body) => channel.publish('', queue, body)));
    const received = await inbox.take(bodies.length);
    received.forEach(({ body }, index) => {
      expect(body.length).toBe(sizes[index]);
      expect(body.equals(bodies[index]!)).toBe(true);
    });
  });

  it('B10 arrive complete in any pieces of the network', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ frameMax: 8_192 });
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const body = randomBytes(30_000);
    proxy.chunk(777);
    await channel.publish('', queue, body);
    expect((await channel.basicGet(queue, { noAck: true }))!.body.equals(body)).toBe(true);
  });

  it('B10 bodies of several channels do not mix, and delay a small one only briefly', async () => {
    const connection = await harness.connect({ frameMax: 8_192 });
    const channels = await Promise.all([1, 2, 3].map(() => connection.openChannel({ confirm: true })));
    const queue = harness.name();
    await channels[0]!.queueDeclare(queue, { exclusive: true });
    const bodies = channels.map((_, index) => Buffer.alloc(400_000, `${index}`));
    await Promise.all([
      ...channels.map((channel, index) => channel.publish('', queue, bodies[index]!)),
      channels[0]!.publish('', queue, 'small'),
    ]);
    const got = [];
    for (let n = 0; n < 4; n++) got.push((await channels[0]!.basicGet(queue, { noAck: true }))!);
    for (const { body } of got) {
      if (body.length > 5) expect(body.equals(bodies[Number(String.fromCharCode(body[0]!))]!)).toBe(true);
      else expect(body.toString()).toBe('small');
    }
  });

  it('B10 a body over the broker’s limit rejects with its typed error', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const { port } = sharedRabbit();
    expect(port).toBeGreaterThan(0);
    // RabbitMQ's default limit is 128 MiB, 16 MiB since 4.0.
    const error = await errorOf(channel.publish('', harness.name(), Buffer.alloc(134_217_728 + 1)));
    expect(error).toMatchObject({ scope: 'channel', method: 'basic.publish' });
    expect([311, 406]).toContain(error['replyCode']);
    await channel.publish('', harness.name(), 'fine');
  });
});
