import { Buffer } from 'node:buffer';
import { bodyOf } from '../body.mjs';
import { FrameWriter } from '../../.build/package/lib/protocol/frame-writer.js';

/** Bytes per write, and the number of such chunks that may be under way. */
const CHUNK_SIZE = 64 * 1024;
const CHUNKS = 8;
/** Bytes of frame header, method id, and length of the consumer tag. */
const BEFORE_CONSUMER_TAG = 7 + 4 + 1;

/**
 * Sends deliveries to the consumers of one channel, in turn. The deliveries are encoded once; only their delivery tags are
 * written anew. A chunk is reused as soon as the socket has written it.
 *
 * @param {{ channel: number, consumerTags: string[], text?: string, size?: number, properties: object, frameMax: number }}
 * options
 */
export function createFlood(socket, options) {
  const { bytes, ends, tags } = encode(options);
  const free = Array.from({ length: CHUNKS }, () => Buffer.from(bytes));
  let deliveryTag = 1;
  let credit = 0;

  function pump() {
    while (credit > 0 && free.length > 0 && !socket.destroyed) {
      const chunk = free.pop();
      const count = Math.min(credit, tags.length);
      credit -= count;
      for (let index = 0; index < count; index++) chunk.writeUInt32BE(deliveryTag++, tags[index]);
      socket.write(chunk.subarray(0, ends[count - 1]), () => {
        free.push(chunk);
        pump();
      });
    }
  }

  return {
    /** Sends `count` more deliveries. */
    add(count) {
      credit += count;
      pump();
    },
    stop() {
      credit = 0;
    },
  };
}

/** Encodes one chunk of deliveries. Returns it with the positions of each delivery's tag and end. */
function encode({ channel, consumerTags, text, size, properties, frameMax }) {
  const writer = new FrameWriter(() => {});
  writer.frameMax = frameMax;
  const body = bodyOf({ text, size });
  const tags = [];
  const ends = [];
  for (let count = 0; writer.pendingBytes < CHUNK_SIZE || count % consumerTags.length !== 0; count++) {
    const consumerTag = consumerTags[count % consumerTags.length];
    tags.push(writer.pendingBytes + BEFORE_CONSUMER_TAG + consumerTag.length);
    const args = { consumerTag, deliveryTag: 0, redelivered: false, exchange: 'orders', routingKey: 'order.created' };
    writer.content(channel, 'basic.deliver', args, properties, body);
    ends.push(writer.pendingBytes);
  }
  // The position of the tag's low half, four bytes further on.
  return { bytes: Buffer.concat(writer.take().chunks), ends, tags: tags.map((at) => at + 4) };
}
