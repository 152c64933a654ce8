import { describe, expect, it } from '@jest/globals';
import type { RawClient } from './support/raw-client.js';
import { useLab } from './support/lab.js';

const PUBLISH = Buffer.from([0, 60, 0, 40, 0, 0, 0, 0, 0]);
const BASIC = 60;

function header(bodySize: number, classId = BASIC): Buffer {
  const payload = Buffer.alloc(14);
  payload.writeUInt16BE(classId, 0);
  payload.writeUInt32BE(bodySize, 8);
  return payload;
}

describe('frames and states', () => {
  const lab = useLab();

  /** The bytes sent on the open channel 1, and the broker's refusal. */
  it.each<[string, (client: RawClient) => void, RegExp]>([
    ['a wrong frame end', (c) => c.frame(8, 0, Buffer.alloc(0), 0xcd), /^connection 501.*: FRAME_ERROR/],
    ['an unknown frame type', (c) => c.frame(9, 1, Buffer.alloc(4)), /^connection 501.*: FRAME_ERROR/],
    ['a method frame without a method', (c) => c.frame(1, 1, Buffer.alloc(2)), /^connection 501.*: FRAME_ERROR/],
    ['a truncated method', (c) => c.frame(1, 1, Buffer.from([0, 50, 0, 10, 0, 0, 9])), /^connection 50[12].*_ERROR/],
    [
      'a content header without a method',
      (c) => c.frame(2, 1, header(0)),
      /^connection 505: UNEXPECTED_FRAME - expected method frame, got non method frame instead$/,
    ],
    [
      'a body without a method',
      (c) => c.frame(3, 1, Buffer.from('x')),
      /^connection 505: UNEXPECTED_FRAME - expected method frame, got non method frame instead$/,
    ],
    [
      'a body instead of the header',
      (c) => (c.frame(1, 1, PUBLISH), c.frame(3, 1, Buffer.from('x'))),
      /^connection 505 by basic.publish: UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead$/,
    ],
    [
      'a method instead of the header',
      (c) => (c.frame(1, 1, PUBLISH), c.send(1, 'basic.qos')),
      /^connection 505 by basic.publish: UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead$/,
    ],
    [
      'a header of another class',
      (c) => (c.frame(1, 1, PUBLISH), c.frame(2, 1, header(0, 50))),
      /^connection 505 by basic.publish: UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead$/,
    ],
    [
      'a second header',
      (c) => (c.frame(1, 1, PUBLISH), c.frame(2, 1, header(4)), c.frame(2, 1, header(4))),
      /^connection 505 by basic.publish: UNEXPECTED_FRAME - expected content body, got non content body frame instead$/,
    ],
    [
      'a method instead of the body',
      (c) => (c.frame(1, 1, PUBLISH), c.frame(2, 1, header(4)), c.send(1, 'basic.qos')),
      /^connection 505 by basic.publish: UNEXPECTED_FRAME - expected content body, got non content body frame instead$/,
    ],
    [
      'a method on a channel that is not open',
      (c) => c.send(7, 'basic.qos'),
      /^connection 504 by basic.qos: CHANNEL_ERROR - expected 'channel.open'$/,
    ],
    [
      'channel.open on an open channel',
      (c) => c.send(1, 'channel.open'),
      /^connection 504 by channel.open: CHANNEL_ERROR - second 'channel.open' seen$/,
    ],
    [
      'connection.close-ok without a close',
      (c) => c.send(0, 'connection.closeOk'),
      /^connection 504 by connection.closeOk: CHANNEL_ERROR - unexpected method in connection state running$/,
    ],
    ['a heartbeat on a channel', (c) => c.frame(8, 1, Buffer.alloc(0)), /^connection 505: UNEXPECTED_FRAME/],
    ['a heartbeat with a payload', (c) => c.frame(8, 0, Buffer.of(1)), /^connection 501: FRAME_ERROR/],
    ['a connection method on a channel', (c) => c.send(1, 'connection.close', { replyCode: 200 }), /^connection 50\d/],
    ['a broker’s method from a client', (c) => c.send(1, 'basic.consumeOk', { consumerTag: 'x' }), /^connection 503/],
    [
      'basic.deliver from a client',
      (c) => (
        c.frame(1, 1, Buffer.from([0, 60, 0, 60, 1, 120, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])),
        c.frame(2, 1, header(0))
      ),
      /^connection 503/,
    ],
    [
      'channel.flow active=false',
      (c) => c.send(1, 'channel.flow', { active: false }),
      /^connection 540 by channel.flow: NOT_IMPLEMENTED - active=false$/,
    ],
    [
      'basic.qos with a prefetch_size',
      (c) => c.send(1, 'basic.qos', { prefetchSize: 1 }),
      /^connection 540 by basic.qos: NOT_IMPLEMENTED - prefetch_size!=0 \(1\)$/,
    ],
    [
      'basic.recover without requeue',
      (c) => c.send(1, 'basic.recover', { requeue: false }),
      /^connection 540 by basic.recover: NOT_IMPLEMENTED - requeue=false$/,
    ],
    [
      'basic.publish with immediate',
      (c) => c.publish(1, { immediate: true }),
      /^connection 540 by basic.publish: NOT_IMPLEMENTED - immediate=true$/,
    ],
    [
      'a reused consumer tag',
      (c) => {
        const queue = lab.name();
        c.send(1, 'queue.declare', { queue, exclusive: true });
        c.send(1, 'basic.consume', { queue, consumerTag: 'twice' });
        c.send(1, 'basic.consume', { queue, consumerTag: 'twice' });
      },
      /^connection 530 by basic.consume: NOT_ALLOWED - attempt to reuse consumer tag 'twice'$/,
    ],
    [
      'an invalid exchange type',
      (c) => c.send(1, 'exchange.declare', { exchange: 'y', type: 'nonsense' }),
      /^(connection 503 by exchange.declare: COMMAND_INVALID|channel 406 by exchange.declare: PRECONDITION_FAILED) - (unknown|invalid) exchange type 'nonsense'$/,
    ],
  ])('%s', async (_, act, expected) => {
    const client = await lab.raw();
    act(client);
    const refusal = await client.refusal();
    expect(refusal).toMatch(expected);
    if (refusal.startsWith('channel')) return;
    client.send(0, 'connection.closeOk');
    await client.ended;
  });

  it.each<[string, number, number[]]>([
    ['method', 1, [0, 60, 0, 99]],
    ['class', 1, [0, 77, 0, 10]],
    ['method on channel 0', 0, [0, 10, 0, 99]],
  ])('an unknown %s', async (_, channel, payload) => {
    const client = await lab.raw();
    client.frame(1, channel, Buffer.from(payload));
    const text = `unknown method ${payload[1]}.${payload[3]}`;
    expect(await client.outcome()).toMatch(
      lab.differs('unknown-method', { rabbitmq: /^hung up$/, embedded: new RegExp(`^connection 503: .*${text}$`) }),
    );
  });

  it('a body longer than its content header says', async () => {
    const client = await lab.raw();
    client.frame(1, 1, PUBLISH);
    client.frame(2, 1, header(1));
    client.frame(3, 1, Buffer.from('too long'));
    // RabbitMQ waits for the missing frame end, and still answers on another channel.
    client.send(2, 'channel.open');
    const { method } = await client.next();
    expect(method.name).toBe(
      lab.differs('long-body', { rabbitmq: 'channel.openOk', embedded: 'connection.close' } as const),
    );
  });

  it('a routing key that is not UTF-8', async () => {
    const client = await lab.raw();
    client.frame(1, 1, Buffer.from([0, 60, 0, 40, 0, 0, 0, 2, 0xff, 0xfe, 0]));
    client.frame(2, 1, header(0));
    client.send(1, 'basic.qos');
    const { method } = await client.next();
    expect(method.name).toBe(
      lab.differs('names-in-utf-8', { rabbitmq: 'basic.qosOk', embedded: 'connection.close' } as const),
    );
  });

  it('frames of two channels may interleave', async () => {
    const client = await lab.raw();
    await client.openChannel(2);
    const queue = lab.name();
    client.send(1, 'queue.declare', { queue });
    await client.expect('queue.declareOk');
    const publish = Buffer.from([0, 60, 0, 40, 0, 0, 0, queue.length, ...Buffer.from(queue), 0]);
    client.frame(1, 1, publish);
    client.frame(1, 2, publish);
    client.frame(2, 2, header(3));
    client.frame(2, 1, header(3));
    client.frame(3, 1, Buffer.from('o'));
    client.frame(3, 2, Buffer.from('two'));
    client.frame(3, 1, Buffer.from('ne'));
    client.send(0, 'connection.updateSecret', { newSecret: Buffer.from('guest') });
    await client.expect('connection.updateSecretOk');
    for (const [channel, count] of [
      [2, 1],
      [1, 1],
    ] as const) {
      client.send(channel, 'basic.get', { queue, noAck: true });
      expect((await client.expect('basic.getOk')).body).toHaveLength(3);
      expect(count).toBe(1);
    }
  });

  it('frames of a channel are ignored between its error and close-ok; then its number can be used again', async () => {
    const client = await lab.raw();
    client.send(1, 'queue.declare', { queue: 'not.there', passive: true });
    client.send(1, 'queue.declare', { queue: lab.name() });
    client.publish(1, { exchange: 'not.there' }, {}, 'ignored');
    expect(await client.refusal()).toMatch(/^channel 404 by queue.declare/);
    client.send(1, 'basic.qos');
    client.send(1, 'channel.closeOk');
    await client.openChannel(1);
    client.send(1, 'basic.qos');
    await client.expect('basic.qosOk');
  });

  it('a channel cannot be opened again before its error is answered', async () => {
    const client = await lab.raw();
    client.send(1, 'queue.declare', { queue: 'not.there', passive: true });
    expect(await client.refusal()).toMatch(/^channel 404/);
    client.send(1, 'channel.open');
    expect(await client.refusal()).toBe("connection 504 by channel.open: CHANNEL_ERROR - second 'channel.open' seen");
  });

  it('channel.close from both ends at once', async () => {
    const client = await lab.raw();
    client.send(1, 'queue.declare', { queue: 'not.there', passive: true });
    client.send(1, 'channel.close', { replyCode: 200, replyText: 'bye' });
    expect(await client.refusal()).toMatch(/^channel 404/);
    await client.expect('channel.closeOk');
    client.send(1, 'channel.closeOk');
    await client.openChannel(1);
  });

  it('a channel error does not affect other channels of the connection', async () => {
    const client = await lab.raw();
    await client.openChannel(2);
    client.send(1, 'queue.declare', { queue: 'not.there', passive: true });
    await client.expect('channel.close');
    client.send(2, 'basic.qos');
    await client.expect('basic.qosOk');
  });

  it('channel.close by the client is answered, and its number can be used again at once', async () => {
    const client = await lab.raw();
    client.send(1, 'channel.close', { replyCode: 200, replyText: 'bye' });
    await client.expect('channel.closeOk');
    await client.openChannel(1);
  });

  it('channel.flow active=true is answered', async () => {
    const client = await lab.raw();
    client.send(1, 'channel.flow', { active: true });
    expect((await client.expect('channel.flowOk')).args.active).toBe(true);
  });

  it('methods with no-wait are not answered', async () => {
    const client = await lab.raw();
    const [queue, exchange] = [lab.name(), lab.name('x')];
    client.send(1, 'queue.declare', { queue, noWait: true });
    client.send(1, 'exchange.declare', { exchange, type: 'fanout', noWait: true });
    client.send(1, 'queue.bind', { queue, exchange, noWait: true });
    client.send(1, 'confirm.select', { noWait: true });
    client.send(1, 'basic.consume', { queue, consumerTag: 't', noAck: true, noWait: true });
    client.publish(1, { exchange }, {}, 'x');
    const first = [(await client.next()).method.name, (await client.next()).method.name].sort();
    expect(first).toEqual(['basic.ack', 'basic.deliver']);
    client.send(1, 'basic.cancel', { consumerTag: 't', noWait: true });
    client.send(1, 'queue.purge', { queue, noWait: true });
    client.send(1, 'queue.delete', { queue, noWait: true });
    client.send(1, 'exchange.delete', { exchange, noWait: true });
    client.send(1, 'basic.qos');
    await client.expect('basic.qosOk');
  });

  it('an error of a method with no-wait closes the channel', async () => {
    const client = await lab.raw();
    client.send(1, 'queue.declare', { queue: 'not.there', passive: true, noWait: true });
    expect(await client.refusal()).toBe("channel 404 by queue.declare: NOT_FOUND - no queue 'not.there' in vhost '/'");
  });

  it('an empty queue name means the queue that the channel declared last', async () => {
    const client = await lab.raw();
    client.send(1, 'queue.declare', { queue: '', exclusive: true });
    const { queue } = (await client.expect('queue.declareOk')).args;
    client.send(1, 'queue.bind', { queue: '', exchange: 'amq.direct', routingKey: '' });
    await client.expect('queue.bindOk');
    client.send(1, 'confirm.select');
    await client.expect('confirm.selectOk');
    client.publish(1, { exchange: 'amq.direct', routingKey: queue }, {}, 'by its name');
    await client.expect('basic.ack');
    client.send(1, 'basic.get', { queue: '', noAck: true });
    expect((await client.expect('basic.getOk')).body!.toString()).toBe('by its name');
    client.send(1, 'queue.purge', { queue: '' });
    expect((await client.expect('queue.purgeOk')).args.messageCount).toBe(0);
    client.send(1, 'basic.consume', { queue: '' });
    await client.expect('basic.consumeOk');
    client.send(1, 'queue.delete', { queue: '' });
    await client.expect('queue.deleteOk');
  });

  it.each(['queue.bind', 'basic.consume', 'basic.get', 'queue.purge', 'queue.delete'] as const)(
    '%s without a name when the channel has declared no queue',
    async (method) => {
      const client = await lab.raw();
      client.send(1, method);
      expect(await client.refusal()).toBe(`channel 404 by ${method}: NOT_FOUND - no previously declared queue`);
    },
  );
});
