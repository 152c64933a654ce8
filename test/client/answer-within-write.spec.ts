import { describe, expect, it } from '@jest/globals';
import { Duplex } from 'node:stream';
import { ByteReader } from '../../lib/protocol/bytes.js';
import { FrameReader } from '../../lib/protocol/frame-reader.js';
import { readMethod } from '../../lib/protocol/methods.js';
import type { Method } from '../../lib/protocol/types.js';
import { useClientHarness } from './support/client-harness.js';
import { encodeMethod } from './support/scripted-server.js';

/** Returns a broker in this process that answers within the client's write. */
function broker(): Duplex {
  let header = 8;
  let published = 0;
  const answer = (channel: number, { name }: Method): Buffer | undefined => {
    switch (name) {
      case 'connection.startOk':
        return encodeMethod(0, 'connection.tune', { frameMax: 131_072, channelMax: 10, heartbeat: 0 });
      case 'connection.open':
        return encodeMethod(0, 'connection.openOk', {});
      case 'channel.open':
        return encodeMethod(channel, 'channel.openOk', {});
      case 'confirm.select':
        return encodeMethod(channel, 'confirm.selectOk', {});
      case 'queue.declare':
        return encodeMethod(channel, 'queue.declareOk', { queue: 'q', messageCount: 0, consumerCount: 0 });
      case 'basic.publish':
        published++;
        return undefined;
      case 'channel.close':
        return encodeMethod(channel, 'channel.closeOk', {});
      case 'connection.close':
        return encodeMethod(0, 'connection.closeOk', {});
      default:
        return undefined;
    }
  };
  let rest = 0;
  const reader = new FrameReader({
    onMethod(channel, buffer, start, end) {
      const reply = answer(channel, readMethod(new ByteReader(buffer, start, end)));
      if (reply) socket.emit('data', reply);
    },
    onHeader(_channel, buffer, start) {
      rest = Number(buffer.readBigUInt64BE(start + 4));
    },
    onBody(channel, _buffer, start, end) {
      rest -= end - start;
      if (rest === 0)
        socket.emit('data', encodeMethod(channel, 'basic.ack', { deliveryTag: published, multiple: false }));
    },
    onHeartbeat() {},
  });
  reader.frameMax = 131_072;
  const start = encodeMethod(0, 'connection.start', {
    versionMajor: 0,
    versionMinor: 9,
    serverProperties: {},
    mechanisms: Buffer.from('PLAIN'),
    locales: Buffer.from('en_US'),
  });
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      const at = Math.min(header, chunk.length);
      header -= at;
      if (at > 0) socket.emit('data', start);
      if (at < chunk.length) reader.push(chunk.subarray(at));
      done();
    },
  });
  return socket;
}

describe('K4.3 an in-memory socket that answers within write()', () => {
  const harness = useClientHarness();

  it('K4.3 a confirm finds its publish, and an answer its call', async () => {
    const connection = await harness.connect({ createSocket: () => Promise.resolve(broker()) });
    const channel = await connection.openChannel({ confirm: true, publishTimeout: 2_000 });
    // From 64 KiB on, appended data is written within the call.
    const large = Buffer.alloc(100_000);
    expect(await channel.publish('', 'q', large)).toBe(1);
    expect(await Promise.all([channel.publish('', 'q', large), channel.publish('', 'q', large)])).toEqual([2, 3]);
    const table = { note: 'x'.repeat(70_000) };
    expect((await channel.queueDeclare('q', { arguments: table, timeout: 2_000 })).queue).toBe('q');
  });

  it('K4.3 waiting publishes are sent once, although confirms arrive while they are sent', async () => {
    const connection = await harness.connect({ createSocket: () => Promise.resolve(broker()) });
    const channel = await connection.openChannel({ confirm: true, maxUnconfirmed: 1, publishTimeout: 2_000 });
    const small = channel.publish('', 'q', 'small');
    const large = Buffer.alloc(100_000);
    const waiting = Array.from({ length: 200 }, () => channel.publish('', 'q', large));
    expect(await Promise.all([small, ...waiting])).toEqual(Array.from({ length: 201 }, (_, n) => n + 1));
  });
});
