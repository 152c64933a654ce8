import { Buffer } from 'node:buffer';
import { ByteReader } from '../../.build/package/lib/protocol/bytes.js';
import { FrameWriter } from '../../.build/package/lib/protocol/frame-writer.js';
import { ACK, NACK } from '../../.build/package/lib/protocol/hot-methods.js';
import { methodId, readMethod } from '../../.build/package/lib/protocol/methods.js';
import { createFlood } from './flood.mjs';
import { FrameScanner } from './scanner.mjs';

const PUBLISH = methodId('basic.publish');
const PROTOCOL_HEADER_SIZE = 8;
const FRAME_MAX = 131_072;
/** The sink answers no requests, so a consumer of replies receives no delivery. */
const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';

/** One client's connection to the sink. */
export class Peer {
  #socket;
  #behaviour;
  #scanner = new FrameScanner(this);
  #writer = new FrameWriter(() => {});
  #reader = new ByteReader(Buffer.alloc(0));
  #greeted = false;
  /** @type {Map<number, Channel>} */
  #channels = new Map();
  /** Channels with a publish or an ack in this chunk. @type {Set<Channel>} */
  #touched = new Set();

  /**
   * @param {import('node:net').Socket} socket
   * @param {import('./behaviour.d.ts').Behaviour} behaviour
   */
  constructor(socket, behaviour) {
    this.#socket = socket;
    this.#behaviour = behaviour;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
  }

  #receive(chunk) {
    let frames = chunk;
    if (!this.#greeted) {
      // Clients send the protocol header in one piece.
      this.#greeted = true;
      frames = chunk.subarray(PROTOCOL_HEADER_SIZE);
      this.#writer.method(0, 'connection.start', {
        versionMajor: 0,
        versionMinor: 9,
        serverProperties: { product: 'sink', capabilities: { publisher_confirms: true, 'basic.nack': true } },
        mechanisms: Buffer.from('PLAIN AMQPLAIN'),
        locales: Buffer.from('en_US'),
      });
    }
    this.#scanner.push(frames);
    for (const channel of this.#touched) channel.endOfChunk(this.#writer);
    this.#touched.clear();
    const batch = this.#writer.take();
    if (!batch) return;
    for (const bytes of batch.chunks) this.#socket.write(bytes);
  }

  /** Called by the scanner. */
  onMethod(channelId, buffer, start, end) {
    switch (buffer.readUInt32BE(start)) {
      case PUBLISH:
        return;
      case ACK:
      case NACK: {
        const channel = this.#channels.get(channelId);
        channel.onSettled(buffer.readUInt32BE(start + 8), (buffer[start + 12] & 1) !== 0);
        this.#touched.add(channel);
        return;
      }
      default:
        this.#answer(channelId, readMethod(this.#reader.over(buffer, start, end)));
    }
  }

  /** Called by the scanner when a publish is complete. */
  onContent(channelId) {
    const channel = this.#channels.get(channelId);
    channel.published++;
    this.#touched.add(channel);
  }

  #answer(channelId, { name, args }) {
    const writer = this.#writer;
    const channel = this.#channels.get(channelId);
    switch (name) {
      case 'connection.startOk':
        writer.frameMax = FRAME_MAX;
        return writer.method(0, 'connection.tune', { channelMax: 2047, frameMax: FRAME_MAX, heartbeat: 0 });
      case 'connection.open':
        return writer.method(0, 'connection.openOk', {});
      case 'connection.close':
        writer.method(0, 'connection.closeOk', {});
        for (const other of this.#channels.values()) other.flood?.stop();
        return undefined;
      case 'channel.open':
        this.#channels.set(channelId, new Channel(channelId, this.#socket, this.#behaviour));
        return writer.method(channelId, 'channel.openOk', {});
      case 'channel.close':
        channel.flood?.stop();
        return writer.method(channelId, 'channel.closeOk', {});
      case 'basic.qos':
        channel.prefetch = args.prefetchCount;
        return writer.method(channelId, 'basic.qosOk', {});
      case 'confirm.select':
        channel.confirming = true;
        return writer.method(channelId, 'confirm.selectOk', {});
      case 'exchange.declare':
        return writer.method(channelId, 'exchange.declareOk', {});
      case 'queue.declare':
        return writer.method(channelId, 'queue.declareOk', { queue: args.queue, messageCount: 0, consumerCount: 0 });
      case 'basic.consume': {
        const consumerTag = args.consumerTag || `sink.ctag-${channel.consumerTags.length}`;
        if (args.queue !== DIRECT_REPLY_TO) channel.consumerTags.push(consumerTag);
        this.#touched.add(channel);
        return writer.method(channelId, 'basic.consumeOk', { consumerTag });
      }
      case 'basic.cancel':
        channel.flood?.stop();
        return writer.method(channelId, 'basic.cancelOk', { consumerTag: args.consumerTag });
      default:
        return undefined;
    }
  }
}

/** The sink's work on one channel, done in batches at the end of each chunk that it reads, as a broker does. */
class Channel {
  prefetch = 0;
  confirming = false;
  published = 0;
  consumerTags = [];
  flood;
  #id;
  #socket;
  #behaviour;
  #confirmed = 0;
  #echoed = 0;
  #settled = 0;
  #credit = 0;

  constructor(id, socket, behaviour) {
    this.#id = id;
    this.#socket = socket;
    this.#behaviour = behaviour;
  }

  onSettled(deliveryTag, multiple) {
    // Clients settle in order here, so `multiple` covers every delivery that was not settled on its own.
    const count = multiple ? deliveryTag - this.#settled : 1;
    this.#settled = Math.max(this.#settled, deliveryTag);
    this.#credit += count;
  }

  endOfChunk(writer) {
    const { holdConfirms, echo, consumers } = this.#behaviour;
    const due = this.published - holdConfirms;
    if (this.confirming && due > this.#confirmed) {
      writer.ack(this.#id, due, due - this.#confirmed > 1);
      this.#confirmed = due;
    }
    if (!this.flood && this.consumerTags.length === consumers) this.#startFlood();
    if (this.flood && echo) {
      this.flood.add(this.published - this.#echoed);
      this.#echoed = this.published;
    }
    if (this.flood && this.#credit > 0) {
      this.flood.add(this.#credit);
      this.#credit = 0;
    }
  }

  #startFlood() {
    const { delivery, echo } = this.#behaviour;
    const options = { channel: this.#id, consumerTags: this.consumerTags, ...delivery, frameMax: FRAME_MAX };
    this.flood = createFlood(this.#socket, options);
    // Consume-ok must leave before the first delivery, which bypasses the frame writer.
    if (!echo) setImmediate(() => this.flood.add(this.prefetch > 0 ? this.prefetch : Infinity));
  }
}
