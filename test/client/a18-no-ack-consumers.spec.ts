import { describe, expect, it } from '@jest/globals';
import { eventOf, useClientHarness } from './support/client-harness.js';

describe('A18 noAckConsumers', () => {
  const harness = useClientHarness();

  it('A18 holds only the tags of the consumers without acknowledgement', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    expect(channel.noAckConsumers.size).toBe(0);

    const first = await channel.basicConsume(queue, () => undefined, { noAck: true });
    await channel.basicConsume(queue, () => undefined, { consumerTag: 'with-ack' });
    await channel.basicConsume(queue, () => undefined, { noAck: true, consumerTag: 'without' });
    expect(channel.noAckConsumers).toEqual(new Set([first.consumerTag, 'without']));

    await first.cancel();
    expect(channel.noAckConsumers).toEqual(new Set(['without']));

    proxy.cut();
    await eventOf(connection, 'reconnected');
    expect(channel.noAckConsumers).toEqual(new Set(['without']));
  });
});
