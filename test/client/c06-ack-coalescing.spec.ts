import { describe, expect, it } from '@jest/globals';
import type { Channel, Connection, Delivery } from '../../lib/client/index.js';
import { useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import type { Peer } from './support/scripted-server.js';

describe('C6 contiguous acks become one', () => {
  const harness = useClientHarness();

  async function delivered(
    count: number,
  ): Promise<{ deliveries: Delivery[]; broker: Peer; channel: Channel; connection: Connection }> {
    let broker!: Peer;
    const server = await harness.server(async (peer) => {
      broker = peer;
      await peer.handshake();
      const channel = await peer.acceptChannel();
      await peer.acceptConsumer('tag');
      for (let tag = 1; tag <= count; tag++) {
        const args = { consumerTag: 'tag', deliveryTag: tag, redelivered: false, exchange: '', routingKey: '' };
        peer.content(channel, 'basic.deliver', args, {}, Buffer.from(`${tag}`));
      }
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel();
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume('q', inbox.add);
    return { deliveries: await inbox.take(count), broker, channel, connection };
  }

  /** Returns the settlements that the broker receives, in order, up to the next heartbeat. */
  async function settlements(broker: Peer, connection: Connection): Promise<string[]> {
    // The acks of a tick are written with its flush, before the heartbeat.
    await new Promise((resolve) => setImmediate(resolve));
    connection.sendHeartbeat();
    await broker.next((frame) => frame.kind === 'heartbeat');
    broker.agreeToClose();
    return broker.frames.flatMap((frame) => {
      if (frame.kind !== 'method') return [];
      const { name, args } = frame.method;
      if (name === 'basic.ack') return [`ack ${args.deliveryTag}${args.multiple ? ' multiple' : ''}`];
      if (name === 'basic.nack') return [`nack ${args.deliveryTag}${args.multiple ? ' multiple' : ''}`];
      return [];
    });
  }

  it('C6 contiguous acks of a tick, from the oldest on, become one ack with multiple', async () => {
    const { deliveries, broker, connection } = await delivered(100);
    for (const delivery of deliveries) delivery.ack();
    expect(await settlements(broker, connection)).toEqual(['ack 100 multiple']);
  });

  it('C6 acks in any order become one', async () => {
    const { deliveries, broker, connection } = await delivered(5);
    for (const index of [2, 0, 4, 1, 3]) deliveries[index]!.ack();
    expect(await settlements(broker, connection)).toEqual(['ack 5 multiple']);
  });

  it('C6 an ack never covers a delivery that is not settled', async () => {
    const { deliveries, broker, connection } = await delivered(6);
    for (const index of [0, 1, 3, 4]) deliveries[index]!.ack();
    expect(await settlements(broker, connection)).toEqual(['ack 2 multiple', 'ack 4', 'ack 5']);
  });

  it('C6 an ack with multiple may pass a nack, which is already settled', async () => {
    const { deliveries, broker, connection } = await delivered(4);
    deliveries[0]!.ack();
    deliveries[1]!.nack();
    deliveries[2]!.ack();
    expect(await settlements(broker, connection)).toEqual(['nack 2', 'ack 3 multiple']);
  });

  it('C6 a single ack has no multiple', async () => {
    const { deliveries, broker, connection } = await delivered(3);
    deliveries[0]!.ack();
    expect(await settlements(broker, connection)).toEqual(['ack 1']);
  });

  it('C6 a user’s ack with multiple includes the gathered acks before it, in order', async () => {
    const { deliveries, broker, connection } = await delivered(5);
    deliveries[4]!.ack();
    deliveries[2]!.ack({ multiple: true });
    expect(await settlements(broker, connection)).toEqual(['ack 5', 'ack 3 multiple']);
  });

  it('C6 gathered acks are flushed before close', async () => {
    const { deliveries, broker, channel, connection } = await delivered(3);
    for (const delivery of deliveries) delivery.ack();
    broker.agreeToClose();
    await channel.close();
    const names = broker.frames.map((frame) => (frame.kind === 'method' ? frame.method.name : frame.kind));
    expect(names.slice(names.indexOf('basic.consume') + 1)).toEqual(['basic.cancel', 'basic.ack', 'channel.close']);
    await connection.close();
  });
});
