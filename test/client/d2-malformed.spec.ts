import { describe, expect, it } from '@jest/globals';
import { AmqpError, ConnectionError, WireError, type Delivery } from '../../lib/client/index.js';
import { methodId } from '../../lib/protocol/methods.js';
import type { MethodName } from '../../lib/protocol/types.js';
import { errorOf, eventOf, TrackedClock, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { encodeMethod, frame, type Peer } from './support/scripted-server.js';

const DELIVER = { consumerTag: 'tag', deliveryTag: 1, redelivered: false, exchange: '', routingKey: '' };
const RETURN = { replyCode: 312, replyText: 'NO_ROUTE', exchange: '', routingKey: 'k' };

/** Returns a frame of this method with these bytes as its arguments. */
function method(name: MethodName | number, args = '', channel = 1): Buffer {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(typeof name === 'number' ? name : methodId(name));
  return frame(1, channel, Buffer.concat([id, Buffer.from(args, 'hex')]));
}

function header(size: bigint, { classId = 60, properties = '0000' } = {}): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(classId);
  fixed.writeBigUInt64BE(size, 4);
  return frame(2, 1, Buffer.concat([fixed, Buffer.from(properties, 'hex')]));
}

const body = (text: string): Buffer => frame(3, 1, Buffer.from(text));
const deliver = encodeMethod(1, 'basic.deliver', DELIVER);
const bytes = (...parts: Buffer[]): Buffer => Buffer.concat(parts);

const MALFORMED: readonly (readonly [what: string, code: number, bytes: Buffer])[] = [
  ['a bad frame end', 501, frame(1, 1, Buffer.alloc(8), 0xcd)],
  ['a bad frame end of a heartbeat', 501, frame(8, 0, Buffer.alloc(0), 0)],
  ['a frame larger than negotiated', 501, Buffer.from('03000100020000', 'hex')],
  ['a frame of 4 GiB', 501, Buffer.from('010001ffffffff', 'hex')],
  ['an unknown frame type', 501, frame(7, 1, Buffer.alloc(4))],
  ['content of another class', 501, bytes(deliver, header(1n, { classId: 50 }))],
  ['a body longer than its header said', 501, bytes(deliver, header(3n), body('four'))],
  ['a body longer in its second part', 501, bytes(deliver, header(3n), body('12'), body('34'))],
  ['a truncated method', 502, frame(1, 1, Buffer.from('003c', 'hex'))],
  ['arguments that end too early', 502, method('queue.declareOk', '0171')],
  ['arguments that go on too long', 502, method('queue.declareOk', '017100000000000000000a')],
  ['a truncated delivery', 502, method('basic.deliver', '0374')],
  ['a delivery whose strings overrun it', 502, method('basic.deliver', 'ff746167000000000000000100')],
  ['a truncated ack', 502, method('basic.ack', '0000')],
  ['a truncated content header', 502, bytes(deliver, frame(2, 1, Buffer.from('003c', 'hex')))],
  ['a negative size', 502, bytes(deliver, header(0xffff_ffff_ffff_ffffn))],
  ['a return with a truncated table', 502, bytes(encodeMethod(1, 'basic.return', RETURN), header(0n, { properties: '2000000000ff' }))],
  ['an unknown method', 503, method(0x003c_03e7)],
  ['an unknown class', 503, method(0x0063_000a)],
  ['a reply that nothing waits for', 503, encodeMethod(1, 'queue.purgeOk', { messageCount: 0 })],
  ['a method that only clients send', 503, method('basic.qos', '00000000000000')],
  ['a delivery tag of 0: they grow from 1', 503, bytes(encodeMethod(1, 'basic.deliver', { ...DELIVER, deliveryTag: 0 }), header(0n))],
  ['a delivery tag again', 503, bytes(deliver, header(0n), deliver, header(0n))],
  ['a channel that is not open', 504, encodeMethod(9, 'basic.ack', { deliveryTag: 1, multiple: false })],
  ['content on channel 0', 504, frame(3, 0, Buffer.of(1))],
  ['a header without its method', 505, header(1n)],
  ['a body without its header', 505, body('x')],
  ['a body where the header was due', 505, bytes(deliver, body('x'))],
  ['a second header', 505, bytes(deliver, header(5n), header(5n))],
  ['a method where a header was due', 505, bytes(deliver, deliver)],
  ['a method in the middle of a body', 505, bytes(deliver, header(5n), body('12'), deliver)],
]; // prettier-ignore

describe('D2 malformed input', () => {
  const harness = useClientHarness();

  async function session(script: (peer: Peer) => unknown, options = {}) {
    let broker!: Peer;
    const server = await harness.server(async (peer, index) => {
      await peer.handshake();
      await peer.acceptChannel();
      await peer.acceptConsumer('tag');
      if (index > 0) return peer.agreeToClose();
      broker = peer;
      await script(peer);
    });
    const connection = await harness.connect({ urls: server.url, ...options });
    return { connection, server, broker: () => broker };
  }

  it.each(MALFORMED)(
    'D2 %s: %d to the peer, all pending calls settled, and a reconnect',
    async (_, replyCode, malformed) => {
      const { connection, server, broker } = await session(async (peer) => {
        await peer.expect('queue.declare');
        peer.raw(malformed);
      });
      const channel = await connection.openChannel();
      await channel.basicConsume('q', () => undefined);
      const lost = eventOf<[ConnectionError]>(connection, 'disconnected');
      const back = eventOf(connection, 'reconnected');
      const pending = [errorOf(channel.queueDeclare('q')), errorOf(channel.basicGet('q'))];

      const [error] = await lost;
      expect(error).toBeInstanceOf(ConnectionError);
      expect(error.replyCode).toBe(replyCode);
      expect(error.message).toMatch(/not AMQP/);
      for (const call of pending) expect(await call).toMatchObject({ outcome: 'unknown', replyCode });
      const { args } = await broker().expect('connection.close');
      expect(args.replyCode).toBe(replyCode);
      expect(args.replyText.length).toBeGreaterThan(5);
      await broker().closed;

      await back;
      expect(server.peers).toHaveLength(2);
      expect(channel.isOpen).toBe(true);
    },
  );

  it('D2 the close reaches the peer even while a write is under way', async () => {
    let paused!: () => void;
    const isPaused = new Promise<void>((resolve) => (paused = resolve));
    const { connection, broker } = await session((peer) => (peer.socket.pause(), paused()), { reconnect: false });
    const channel = await connection.openChannel();
    await channel.basicConsume('q', () => undefined);
    await isPaused;
    // The body exceeds the kernel's buffers while the peer reads nothing. The client writes at the end of the turn.
    const pending = errorOf(channel.queueDeclare('q'));
    void channel.publish('', 'q', Buffer.alloc(16 * 1024 * 1024)).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    broker().raw(frame(7, 1, Buffer.alloc(1)));
    expect(await pending).toBeInstanceOf(AmqpError);
    broker().socket.resume();
    expect(await connection.closed).toBeInstanceOf(ConnectionError);
    expect((await broker().expect('connection.close')).args.replyCode).toBe(501);
  });

  it('D2 the client drops a peer that does not react to the close', async () => {
    const server = await harness.server(async (peer) => {
      peer.socket.allowHalfOpen = true;
      await peer.handshake();
      peer.raw(frame(7, 0, Buffer.alloc(1)));
    });
    // Shortens the two seconds that a peer gets to read the close.
    class Clock extends TrackedClock {
      override after(ms: number, run: () => void): () => void {
        return super.after(ms === 2_000 ? 50 : ms, run);
      }
    }
    // The harness checks that no timer stays, including the heartbeat's of a link that died as it opened.
    harness.clock = new Clock();
    const connection = await harness.connect({ urls: server.url, reconnect: false });
    expect(await connection.closed).toBeInstanceOf(ConnectionError);
    await server.peers[0]!.expect('connection.close');
    // The peer keeps its side of the socket open; the harness checks that ours is closed.
  });

  it('D2 malformed input in the handshake', async () => {
    const script = (malformed: Buffer) => async (peer: Peer) => {
      await peer.header();
      peer.raw(malformed);
    };
    const cases: readonly (readonly [Buffer, number])[] = [
      // connection.start with a table whose only value is cut off, one of endless nesting, and one of an unknown type.
      [method('connection.start', '000900000004016b5300', 0), 502],
      [method('connection.start', `0009${'000003e8016b46'.repeat(70)}`, 0), 502],
      [method('connection.start', '000900000004016b5a00', 0), 502],
      [frame(1, 0, Buffer.alloc(4_089)), 501],
      [method('connection.start', '', 5), 504],
    ];
    for (const [malformed, replyCode] of cases) {
      const server = await harness.server(script(malformed));
      const error = await errorOf(harness.connect({ urls: server.url }));
      expect(error).toBeInstanceOf(ConnectionError);
      expect(error['replyCode']).toBe(replyCode);
      expect((await server.peers[0]!.expect('connection.close')).args.replyCode).toBe(replyCode);
    }
  });

  it('D2 the wrong method in the handshake is named', async () => {
    const server = await harness.server((peer) => peer.tune());
    const error = await errorOf(harness.connect({ urls: server.url }));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/connection\.tune.*connection\.start/);
  });

  it('D2 malformed headers of a message throw when they are read; other messages arrive', async () => {
    const { connection } = await session(async (peer) => {
      peer.raw(bytes(deliver, header(1n, { properties: '2000000000ff' }), body('1')));
      peer.raw(bytes(encodeMethod(1, 'basic.deliver', { ...DELIVER, deliveryTag: 2 }), header(1n), body('2')));
      peer.agreeToClose();
    });
    const channel = await connection.openChannel();
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume('q', inbox.add);
    const [first, second] = await inbox.take(2);
    expect(() => first!.properties).toThrow(WireError);
    expect(() => first!.properties).toThrow(AmqpError);
    expect(first!.text()).toBe('1');
    expect(second!.properties).toEqual({});
    expect(connection.state).toBe('open');
  });
});
