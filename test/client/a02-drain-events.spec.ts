import { describe, expect, it } from '@jest/globals';
import { TimeoutError, type Delivery } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('A2 drainEvents', () => {
  const harness = useClientHarness();

  it('A2 resolves when deliveries have arrived on any channel', async () => {
    const connection = await harness.connect();
    const inbox = new Inbox<Delivery>();
    const channels = [await connection.openChannel(), await connection.openChannel()];
    const queues = [harness.name(), harness.name()];
    for (const [index, channel] of channels.entries()) {
      await channel.queueDeclare(queues[index]!, { exclusive: true });
      await channel.basicConsume(queues[index]!, inbox.add, { noAck: true });
    }
    for (const [index, channel] of channels.entries()) {
      const drained = connection.drainEvents({ timeout: 5_000 });
      const before = inbox.all.length;
      await channel.publish('', queues[index]!, `for ${index}`);
      await drained;
      expect(inbox.all.length).toBe(before + 1);
    }
    expect(inbox.all.map((delivery) => delivery.text())).toEqual(['for 0', 'for 1']);
  });

  it('A2 times out on an idle connection', async () => {
    const connection = await harness.connect();
    expect(await errorOf(connection.drainEvents({ timeout: 30 }))).toBeInstanceOf(TimeoutError);
  });
});
