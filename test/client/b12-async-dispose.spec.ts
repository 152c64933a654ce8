import { describe, expect, it } from '@jest/globals';
import type { Channel, Connection } from '../../lib/client/index.js';
import { useClientHarness } from './support/client-harness.js';

describe('B12 Symbol.asyncDispose', () => {
  const harness = useClientHarness();

  it('B12 `await using` closes channel and connection, in that order, gracefully', async () => {
    let [connection, channel]: [Connection?, Channel?] = [];
    const queue = harness.name();
    const order: string[] = [];
    {
      await using outer = await harness.connect();
      await using inner = await outer.openChannel({ confirm: true });
      [connection, channel] = [outer, inner];
      connection.on('closed', () => order.push('connection'));
      channel.on('closed', () => order.push('channel'));
      await inner.queueDeclare(queue);
      await inner.publish('', queue, 'x');
      (await inner.basicGet(queue))!.ack();
    }
    expect(order).toEqual(['channel', 'connection']);
    expect(connection.state).toBe('closed');
    expect(await connection.closed).toBeUndefined();
    const checker = await (await harness.connect()).openChannel();
    expect(await checker.basicGet(queue)).toBeUndefined();
  });

  it('B12 closes both also when the block throws', async () => {
    let connection: Connection | undefined;
    const block = async (): Promise<void> => {
      await using used = await harness.connect();
      connection = used;
      throw new Error('from the block');
    };
    await expect(block()).rejects.toThrow('from the block');
    expect(connection!.state).toBe('closed');
  });
});
