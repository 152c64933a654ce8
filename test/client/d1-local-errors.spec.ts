import { describe, expect, it } from '@jest/globals';
import { DistantDate, EncodingError, type BasicPublishOptions } from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import type { Peer } from './support/scripted-server.js';

const long = 'x'.repeat(300);
const wide = 'ü'.repeat(128); // 128 characters, 256 bytes
const lone = 'a\ud800';

describe('D1 what AMQP cannot carry is a local error', () => {
  const harness = useClientHarness();

  it('D1 writes no byte of the call; channel and connection stay open', async () => {
    let broker!: Peer;
    const server = await harness.server(async (peer) => {
      broker = peer;
      await peer.handshake({ frameMax: 4_096 });
      await peer.acceptChannel();
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel();
    connection.sendHeartbeat();
    await broker.next((frame) => frame.kind === 'heartbeat');
    const before = broker.frames.length;

    const publish = (exchange: string, key: string, options: BasicPublishOptions = {}, body: unknown = 'x') =>
      channel.publish(exchange, key, body as string, options);
    const attempts: readonly (readonly [Promise<unknown>, RegExp])[] = [
      [publish(long, 'k'), /exchange has 300 bytes; .* 255/],
      [publish('e', wide), /routingKey has 256 bytes/],
      [publish('e', lone), /routingKey has a lone surrogate/],
      [publish('e', 7 as never), /routingKey must be a string, not number/],
      [publish('e', 'k', { messageId: long }), /messageId has 300 bytes/],
      [publish('e', 'k', { correlationId: lone }), /correlationId has a lone surrogate/],
      [publish('e', 'k', { priority: 256 }), /priority must be a whole number from 0 to 255/],
      [publish('e', 'k', { deliveryMode: 'persistent' as never }), /deliveryMode must be/],
      [publish('e', 'k', { expiration: -1 }), /expiration must be a whole number of ms/],
      [publish('e', 'k', { timestamp: 12 as never }), /timestamp must be a Date/],
      [publish('e', 'k', { headers: { a: lone } }), /headers\.a has a lone surrogate/],
      [publish('e', 'k', { headers: { a: [(() => 1) as never] } }), /headers\.a\[0\]/],
      [publish('e', 'k', { headers: [1] as never }), /headers (must be|is) an? /],
      [publish('e', 'k', { headers: { a: 'x'.repeat(5_000) } }), /header .* takes \d+ bytes; one frame .* 4088/],
      [publish('e', 'k', {}, null), /body must be a string or a Uint8Array/],
      [publish('e', 'k', {}, { an: 'object' }), /body must be/],
      [channel.queueDeclare(long), /queue of queue\.declare has 300 bytes/],
      [channel.queueDeclare(lone), /lone surrogate/],
      [
        channel.queueDeclare('q', { arguments: { 'x-max-length': NaN } }),
        /arguments of queue\.declare\.x-max-length is NaN/,
      ],
      [channel.queueDeclare('q', { arguments: { big: 'x'.repeat(5_000) } }), /queue\.declare takes \d+ bytes/],
      [channel.exchangeDeclare('e', long), /type of exchange\.declare/],
      [channel.queueBind('q', 'e', long), /routingKey of queue\.bind/],
      [channel.basicConsume('q', () => undefined, { consumerTag: long }), /consumerTag of basic\.consume/],
      [channel.basicGet(long), /queue of basic\.get/],
      [channel.basicQos(65_536), /prefetchCount of basic\.qos must be a whole number from 0 to 65535/],
      [channel.basicQos(-1), /prefetchCount/],
      [connection.updateSecret('s', long), /reason of connection\.updateSecret/],
    ];
    for (const [attempt, message] of attempts) {
      const error = await errorOf(attempt);
      expect(error).toBeInstanceOf(EncodingError);
      expect(error.message).toMatch(message);
    }

    // The next frame that arrives is the heartbeat, which is sent last.
    connection.sendHeartbeat();
    await broker.next((frame) => frame.kind === 'heartbeat');
    expect(broker.frames.slice(before).map(({ kind }) => kind)).toEqual(['heartbeat']);
    expect(channel.isOpen).toBe(true);
    broker.agreeToClose();
    await channel.publish('e', 'k', 'fine');
  });

  it('D1 confirms keep their count: an unsent publish has no delivery tag', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const results = await Promise.allSettled([
      channel.publish('', queue, '1'),
      channel.publish('', long, '2'),
      channel.publish('', queue, '3'),
      channel.publish('', queue, '4', { headers: { a: Symbol('x') as never } }),
      channel.publish('', queue, '5'),
    ]);
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : 'error'))).toEqual([1, 'error', 2, 'error', 3]); // prettier-ignore
    expect(await channel.queuePurge(queue)).toBe(3);
  });

  it('D1 rejects such a call also after a wait', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    const lost = eventOf(connection, 'disconnected');
    proxy.refuse();
    proxy.cut();
    await lost;
    const waiting = [
      channel.publish('', queue, '1'),
      errorOf(channel.publish('', long, '2')),
      channel.publish('', queue, '3'),
    ] as const;
    await proxy.accept();
    await waiting[0];
    expect(await waiting[1]).toBeInstanceOf(EncodingError);
    await waiting[2];
  });

  it('D1 values that no Unicode string or Date can hold are forwarded byte for byte', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const key = 'caf\udce9'; // a key with the byte 0xe9, as the client reads it
    const binary = '\udcff\udc80';
    const micros = new DistantDate(1_700_000_000_000_000n);
    const properties = { correlationId: binary, timestamp: micros, headers: { [key]: 1, at: micros } };
    await channel.publish('', queue, 'first', properties);
    const first = (await channel.basicGet(queue, { noAck: true }))!;
    await channel.publish('', queue, first.body, first.properties);
    const second = (await channel.basicGet(queue, { noAck: true }))!;
    for (const { correlationId, timestamp, headers } of [first.properties, second.properties]) {
      expect(correlationId).toBe(binary);
      expect(Object.keys(headers!).sort()).toEqual(['at', key]);
      for (const date of [timestamp, headers!['at']]) {
        expect(date).toBeInstanceOf(DistantDate);
        expect((date as DistantDate).seconds).toBe(micros.seconds);
      }
    }
    // RabbitMQ would close the connection for it in a method.
    expect(await errorOf(channel.publish('', key, 'x'))).toBeInstanceOf(EncodingError);
  });
});
