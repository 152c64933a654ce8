import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { AmqpError, connect, WireError } from '../../lib/client/index.js';
import { FrameReader } from '../../lib/protocol/frame-reader.js';
import { seededRandom } from '../support/random.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { encodeMethod, frame, Peer } from './support/scripted-server.js';

/** Returns the frames of a stream as text, followed by the error if there is one. */
function frames(chunks: readonly Buffer[]): string[] {
  const seen: string[] = [];
  const take = (kind: string) => (channel: number, buffer: Buffer, start: number, end: number) =>
    void seen.push(`${kind} ${channel} ${buffer.toString('hex', start, end)}`);
  const reader = new FrameReader({
    onMethod: take('method'),
    onHeader: take('header'),
    onBody: take('body'),
    onHeartbeat: () => void seen.push('heartbeat'),
  });
  try {
    for (const chunk of chunks) reader.push(Buffer.from(chunk));
  } catch (error) {
    expect(error).toBeInstanceOf(WireError);
    seen.push((error as Error).message);
  }
  return seen;
}

const deliver = (tag: number): Buffer =>
  encodeMethod(1, 'basic.deliver', { consumerTag: 'tag', deliveryTag: tag, redelivered: false, exchange: 'e', routingKey: 'k' }); // prettier-ignore

describe('D4 any byte stream, split at any byte', () => {
  const harness = useClientHarness();

  const stream = Buffer.concat([
    deliver(1),
    frame(2, 1, Buffer.from('003c0000000000000000000c00000', 'hex')),
    frame(3, 1, Buffer.from('hello ')),
    frame(8, 0, Buffer.alloc(0)),
    frame(3, 1, Buffer.from('world!')),
    encodeMethod(2, 'queue.declareOk', { queue: 'q', messageCount: 1, consumerCount: 0 }),
    frame(3, 7, Buffer.alloc(0)),
  ]);

  it('D4 the same frames at every split point, and at every two', () => {
    const whole = frames([stream]);
    expect(whole).toHaveLength(7);
    for (let a = 0; a <= stream.length; a++) {
      expect(frames([stream.subarray(0, a), stream.subarray(a)])).toEqual(whole);
      for (let b = a; b <= stream.length; b += 7) {
        expect(frames([stream.subarray(0, a), stream.subarray(a, b), stream.subarray(b)])).toEqual(whole);
      }
    }
    expect(frames([...stream].map((byte) => Buffer.of(byte)))).toEqual(whole);
  });

  it('D4 a flipped bit: the same outcome however it is split', () => {
    for (let bit = 0; bit < stream.length * 8; bit += 3) {
      const mutated = Buffer.from(stream);
      mutated[bit >> 3]! ^= 1 << (bit & 7);
      const whole = frames([mutated]);
      expect(frames([...mutated].map((byte) => Buffer.of(byte)))).toEqual(whole);
    }
  });

  it('D4 a complete session with the real broker, byte by byte', async () => {
    const proxy = await TcpProxy.start(sharedRabbit().port);
    harness.cleanup(() => proxy.close());
    proxy.chunk(1);
    const connection = await harness.connect({ urls: `amqp://127.0.0.1:${proxy.port}` });
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const inbox = new Inbox<string>();
    await channel.basicConsume(queue, (delivery) => inbox.add(delivery.text()), { noAck: true });
    await Promise.all(['one', 'two', 'three'].map((text) => channel.publish('', queue, text, { headers: { text } })));
    expect(await inbox.take(3)).toEqual(['one', 'two', 'three']);
  });

  it('D4 sessions with flipped, cut, repeated and spliced bytes end with a typed error and settle all promises', async () => {
    const dice = seededRandom(20_240_611);
    const pick = (limit: number): number => Math.floor(dice() * limit);
    let mutation: { at: number; apply: (rest: Buffer) => Buffer | undefined } | undefined;
    let total = 0;
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      void play(new Peer(socket)).catch(() => undefined);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    harness.cleanup(() => server.close());
    harness.cleanup(() => sockets.forEach((socket) => socket.destroy()));

    /** Plays a session that answers each step, with every byte through the mutation. */
    async function play(peer: Peer): Promise<void> {
      let sent = 0;
      const { socket } = peer;
      const write = socket.write.bind(socket);
      socket.write = ((bytes: Buffer) => {
        if (socket.writableEnded || socket.destroyed) return false;
        const start = sent;
        sent += bytes.length;
        total = Math.max(total, sent);
        if (!mutation || mutation.at < start || mutation.at >= sent) return write(bytes);
        const before = bytes.subarray(0, mutation.at - start);
        const after = mutation.apply(Buffer.from(bytes.subarray(mutation.at - start)));
        if (after) return write(Buffer.concat([before, after]));
        return socket.end(before);
      }) as typeof socket.write;
      await peer.handshake({ serverProperties: { product: 'x', capabilities: { a: true } } });
      await peer.acceptChannel();
      await peer.acceptConsumer('tag');
      peer.raw(Buffer.concat([deliver(1), frame(2, 1, Buffer.from('003c0000000000000000000280000474657874', 'hex')), frame(3, 1, Buffer.from('hi'))])); // prettier-ignore
      await peer.expect('queue.declare');
      peer.send(1, 'queue.declareOk', { queue: 'q', messageCount: 1, consumerCount: 1 });
      await peer.expect('confirm.select');
      peer.send(1, 'confirm.selectOk', {});
      await peer.expect('basic.publish');
      peer.send(1, 'basic.ack', { deliveryTag: 1, multiple: false });
      peer.send(0, 'connection.blocked', { reason: 'memory' });
      peer.send(0, 'connection.unblocked', {});
      peer.send(1, 'channel.close', { replyCode: 404, replyText: 'NOT_FOUND', classId: 50, methodId: 10 });
      await peer.expect('channel.closeOk');
      peer.socket.end();
    }

    /** Uses every operation of a session; resolves with the failures. */
    async function use(patience: { connect: number; answer: number }): Promise<unknown[]> {
      const errors: unknown[] = [];
      const caught = (error: unknown): undefined => void errors.push(error);
      const { connect: connectTimeout, answer: rpcTimeout } = patience;
      const limits = { connectTimeout, rpcTimeout, reconnect: false, heartbeat: 0 } as const;
      const urls = `amqp://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const connection = await connect({ urls, ...limits, clock: harness.clock }).catch(caught);
      if (!connection) return errors;
      const channel = await connection.openChannel({ restore: false, publishTimeout: rpcTimeout }).catch(caught);
      if (channel) {
        await channel.basicConsume('q', ({ properties }) => properties).catch(caught);
        await channel.queueDeclare('q').catch(caught);
        await channel.confirmSelect().catch(caught);
        await channel.publish('', 'q', 'x').catch(caught);
        await channel.queueDeclare('q').catch(caught);
      }
      await connection.close({ timeout: 20 }).catch(caught);
      errors.push(await connection.closed);
      return errors;
    }

    // The whole session, which gives its length, may take long on a busy machine.
    await use({ connect: 20_000, answer: 20_000 });
    expect(total).toBeGreaterThan(300);
    for (let round = 0; round < 250; round++) {
      const junk = Buffer.from(Array.from({ length: 1 + pick(12) }, () => pick(256)));
      const kinds = [
        (rest: Buffer) => ((rest[0]! ^= 1 << pick(8)), rest),
        (rest: Buffer) => ((rest[0] = pick(256)), rest),
        () => undefined,
        (rest: Buffer) => Buffer.concat([junk, rest]),
        (rest: Buffer) => rest.subarray(Math.min(rest.length, junk.length)),
        (rest: Buffer) => Buffer.concat([rest, rest]),
      ];
      mutation = { at: pick(total), apply: kinds[round % kinds.length]! };
      for (const error of await use({ connect: 150, answer: 60 }))
        if (error !== undefined) expect(error).toBeInstanceOf(AmqpError);
    }
    // The harness fails the test for any exception outside a promise.
  }, 60_000);
});
