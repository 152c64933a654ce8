import { FrameWriter } from '../../lib/protocol/frame-writer.js';
import { PROTOCOL_HEADER } from '../../lib/protocol/spec.js';

/** Returns the bytes of a client that does useful work. It knows its queues' names, unlike a recording, so all can succeed. */
export function clientSession(): Buffer {
  const writer = new FrameWriter(() => undefined);
  writer.frameMax = 131_072;
  writer.raw(PROTOCOL_HEADER);
  writer.method(0, 'connection.startOk', {
    clientProperties: { product: 'fuzz', capabilities: { consumer_cancel_notify: true } },
    mechanism: 'PLAIN',
    response: Buffer.from('\0guest\0guest'),
    locale: 'en_US',
  });
  writer.method(0, 'connection.tuneOk', { channelMax: 100, frameMax: 131_072, heartbeat: 0 });
  writer.method(0, 'connection.open', { virtualHost: '/' });
  writer.method(1, 'channel.open', {});
  writer.method(1, 'confirm.select', { noWait: false });
  writer.method(1, 'exchange.declare', {
    exchange: 'fuzz.x',
    type: 'topic',
    passive: false,
    durable: false,
    autoDelete: true,
    internal: false,
    noWait: false,
    arguments: { 'alternate-exchange': 'amq.fanout' },
  });
  writer.method(1, 'queue.declare', {
    queue: 'fuzz.q',
    passive: false,
    durable: false,
    exclusive: true,
    autoDelete: true,
    noWait: false,
    arguments: { 'x-max-length': 10, 'x-message-ttl': 5, 'x-dead-letter-exchange': 'fuzz.x', nested: { a: [1, 'b'] } },
  });
  writer.method(1, 'queue.bind', {
    queue: 'fuzz.q',
    exchange: 'fuzz.x',
    routingKey: '#.a.*',
    noWait: false,
    arguments: {},
  });
  writer.method(1, 'basic.qos', { prefetchSize: 0, prefetchCount: 5, global: false });
  writer.method(1, 'basic.consume', {
    queue: 'fuzz.q',
    consumerTag: 'fuzz',
    noLocal: false,
    noAck: false,
    exclusive: false,
    noWait: false,
    arguments: { 'x-priority': 5 },
  });
  for (let number = 0; number < 5; number++) {
    const properties = { headers: { CC: ['x.a.b'], n: number }, expiration: '50', priority: 3, timestamp: new Date(0) };
    writer.content(
      1,
      'basic.publish',
      { exchange: 'fuzz.x', routingKey: 'k.a.b', mandatory: true, immediate: false },
      properties,
      Buffer.alloc(number * 100, number),
    );
    writer.ack(1, number + 1, false);
  }
  writer.method(1, 'basic.get', { queue: 'fuzz.q', noAck: false });
  writer.nack(1, 0, true, true);
  writer.method(1, 'queue.delete', { queue: 'fuzz.q', ifUnused: false, ifEmpty: false, noWait: false });
  return Buffer.concat(writer.take()!.chunks);
}
