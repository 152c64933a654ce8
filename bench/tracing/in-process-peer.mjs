import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { FrameWriter } from '../../.build/package/lib/protocol/frame-writer.js';
import { Peer } from '../sink/peer.mjs';

const BEHAVIOUR = { delivery: { size: 16, properties: {} }, consumers: Infinity, echo: false, holdConfirms: Infinity };

const serve = (socket) => new Peer(socket, BEHAVIOUR);

/** One end of a connection within the process: writing calls the other end at once. */
class End extends EventEmitter {
  writableLength = 0;
  /** @type {(bytes: Buffer) => void} */
  send = () => {};

  write(bytes, written) {
    this.send(bytes);
    if (written) process.nextTick(written);
    return true;
  }

  end() {
    this.emit('close');
  }

  destroy() {}
  cork() {}
  uncork() {}
  pause() {}
  resume() {}
  setNoDelay() {}
}

/**
 * A broker within the process, for measurements without a kernel between client and peer. It opens connections and channels as
 * the sink does. After `mute()` it reads nothing more, and the measurement itself gives the bytes of the broker to the client.
 */
export class InProcessPeer {
  #client = new End();
  #server = new End();

  constructor() {
    this.#client.send = (bytes) => this.#server.emit('data', Buffer.from(bytes));
    this.#server.send = (bytes) => this.give(Buffer.from(bytes));
    serve(this.#server);
  }

  /** The option `createSocket` of the client. */
  createSocket = () => this.#client;

  mute() {
    this.#client.send = () => {};
  }

  /** Gives the bytes of the broker to the client. */
  give(bytes) {
    this.#client.emit('data', bytes);
  }
}

/** Returns a function that encodes the confirm of all publishes up to a delivery tag of channel 1. */
export function confirms() {
  const writer = new FrameWriter(() => {});
  return (deliveryTag) => {
    writer.ack(1, deliveryTag, true);
    return Buffer.concat(writer.take().chunks);
  };
}

/** Returns a function that encodes `count` deliveries to one consumer of channel 1, the first with `deliveryTag`. */
export function deliveries(consumerTag, count) {
  const writer = new FrameWriter(() => {});
  const body = Buffer.alloc(16, 'x');
  const tags = [];
  for (let index = 0; index < count; index++) {
    // Behind the frame header, the id of the method and the consumer tag; the low half of the number.
    tags.push(writer.pendingBytes + 7 + 4 + 1 + consumerTag.length + 4);
    const args = { consumerTag, deliveryTag: 0, redelivered: false, exchange: 'orders', routingKey: 'order.created' };
    writer.content(1, 'basic.deliver', args, {}, body);
  }
  const bytes = Buffer.concat(writer.take().chunks);
  return (deliveryTag) => {
    tags.forEach((at, index) => bytes.writeUInt32BE(deliveryTag + index, at));
    return bytes;
  };
}
