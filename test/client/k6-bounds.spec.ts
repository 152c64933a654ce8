import { describe, expect, it } from '@jest/globals';
import { FrameError, type Delivery } from '../../lib/client/index.js';
import { eventOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { encodeMethod, frame } from './support/scripted-server.js';

/** Returns the frames of a delivery whose content header frame is `size` bytes long in total. */
function deliveryWithHeader(channel: number, deliveryTag: number, size: number): Buffer {
  const args = { consumerTag: 'tag', deliveryTag, redelivered: false, exchange: '', routingKey: '' };
  // Class 60, weight, empty body; the flag of headers, and one value that fills the frame.
  const fixed = Buffer.from('003c00000000000000000000' + '2000', 'hex');
  const value = size - 8 - fixed.length - 4 - 2 - 5;
  const table = Buffer.alloc(4 + 2 + 5 + value, 'x');
  table.writeUInt32BE(2 + 5 + value, 0);
  table.write('\x01fS', 4, 'latin1');
  table.writeUInt32BE(value, 7);
  return Buffer.concat([
    encodeMethod(channel, 'basic.deliver', args),
    frame(2, channel, Buffer.concat([fixed, table])),
  ]);
}

describe('K6 6.1 the size of inbound content headers', () => {
  const harness = useClientHarness();

  it.each([
    { frameMax: 4_096, size: 4_096 + 65_536 },
    { frameMax: 131_072, size: 131_072 + 65_536 },
  ])(
    'K6 6.1 with a frame-max of $frameMax, a content header of $size bytes is accepted',
    async ({ frameMax, size }) => {
      const server = await harness.server(async (peer) => {
        await peer.handshake({ frameMax });
        const channel = await peer.acceptChannel();
        await peer.acceptConsumer('tag');
        peer.agreeToClose();
        const bytes = deliveryWithHeader(channel, 1, size);
        // The frame is sent in two pieces, so that the client carries the first into the next read.
        peer.raw(bytes.subarray(0, 3_000));
        setImmediate(() => peer.raw(bytes.subarray(3_000)));
      });
      const channel = await (await harness.connect({ urls: server.url })).openChannel();
      const inbox = new Inbox<Delivery>();
      await channel.basicConsume('q', inbox.add);
      const { headers } = (await inbox.next()).properties;
      expect((headers!['f'] as string).length).toBeGreaterThan(size - 60);
    },
  );

  it('K6 6.1 one byte over the tolerance is refused with 501, and so is a body frame over the frame-max', async () => {
    for (const bytes of [deliveryWithHeader(1, 1, 4_096 + 65_537), frame(3, 1, Buffer.alloc(4_096 - 7))]) {
      const server = await harness.server(async (peer) => {
        await peer.handshake({ frameMax: 4_096 });
        await peer.acceptChannel();
        await peer.acceptConsumer('tag');
        peer.raw(bytes);
        const { args } = await peer.expect('connection.close');
        expect(args.replyCode).toBe(501);
      });
      const connection = await harness.connect({ urls: server.url, reconnect: false });
      const channel = await connection.openChannel();
      const lost = eventOf<[Error]>(connection, 'disconnected');
      await channel.basicConsume('q', () => undefined);
      const [error] = await lost;
      expect(error.cause).toBeInstanceOf(FrameError);
      expect(error.message).toMatch(/at most 4096 were agreed/);
    }
  });
});
