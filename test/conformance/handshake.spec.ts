import { describe, expect, it } from '@jest/globals';
import { amqplain, plain } from '../../lib/client/index.js';
import type { RawClient } from './support/raw-client.js';
import { useLab } from './support/lab.js';

describe('the opening of a connection', () => {
  const lab = useLab();
  const amqp = (...version: number[]): Buffer => Buffer.from([0x41, 0x4d, 0x51, 0x50, ...version]);

  it.each([
    ['AMQP 0-10', amqp(1, 1, 0, 10)],
    ['AMQP 0-9 without the 1', amqp(0, 0, 9, 9)],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ])('%s is answered with the supported version and the end of the connection', async (_, header) => {
    const client = await lab.dial();
    const bytes = client.bytesToEnd();
    client.raw(header);
    // RabbitMQ 4 may answer with the header of AMQP 1.0 with SASL, its preferred protocol.
    const spoken = [amqp(0, 0, 9, 1), ...(lab.version >= 4 ? [amqp(3, 1, 0, 0)] : [])];
    expect(spoken).toContainEqual((await bytes).subarray(0, 8));
  });

  it('only RabbitMQ accepts AMQP 0-8', async () => {
    const client = await lab.dial();
    client.raw(amqp(1, 1, 8, 0));
    const [type] = await client.firstBytes();
    const rabbitmq = lab.version >= 4 ? 'A'.charCodeAt(0) : 1;
    expect(type).toBe(lab.differs('old-protocols', { rabbitmq, embedded: 'A'.charCodeAt(0) }));
  });

  it('connection.start offers PLAIN and AMQPLAIN, en_US, and the capabilities that clients look for', async () => {
    const client = await lab.dial();
    client.raw(amqp(0, 0, 9, 1));
    const { args } = await client.expect('connection.start');
    expect([args.versionMajor, args.versionMinor]).toEqual([0, 9]);
    expect(Buffer.from(args.mechanisms).toString().split(' ')).toEqual(expect.arrayContaining(['PLAIN', 'AMQPLAIN']));
    expect(Buffer.from(args.locales).toString()).toBe('en_US');
    expect(args.serverProperties['capabilities']).toEqual({
      authentication_failure_close: true,
      'basic.nack': true,
      'connection.blocked': true,
      consumer_cancel_notify: true,
      consumer_priorities: true,
      direct_reply_to: true,
      exchange_exchange_bindings: true,
      per_consumer_qos: true,
      publisher_confirms: true,
    });
  });

  it.each([
    ['in one piece', 8],
    ['byte by byte', 1],
    ['with the next frame in its back', 1000],
  ])('the protocol header may come %s', async (_, size) => {
    const client = await lab.dial();
    const bytes = amqp(0, 0, 9, 1);
    for (let at = 0; at < bytes.length; at += size) client.raw(bytes.subarray(at, at + size));
    await client.expect('connection.start');
  });

  it.each([
    ['PLAIN', plain],
    ['AMQPLAIN', amqplain],
  ])('%s logs in', async (_, mechanism) => {
    const { username, password } = new URL(lab.url);
    const credentials = { username: username || 'guest', password: password || 'guest' };
    const connection = await lab.connect({ mechanisms: [mechanism(credentials)] });
    expect(connection.state).toBe('open');
  });

  it.each([
    ['a wrong password, PLAIN', plain, { username: 'guest', password: 'wrong' }],
    ['a wrong password, AMQPLAIN', amqplain, { username: 'guest', password: 'wrong' }],
    ['an unknown user', plain, { username: 'nobody', password: 'guest' }],
    ['an empty password', plain, { username: 'guest', password: '' }],
  ])('%s is refused with 403', async (_, mechanism, credentials) => {
    const { name } = mechanism(credentials);
    expect(await lab.refusal(lab.connect({ mechanisms: [mechanism(credentials)] }))).toBe(
      `connection 403: ACCESS_REFUSED - Login was refused using authentication mechanism ${name}. ` +
        'For details see the broker logfile.',
    );
  });

  it('the socket of a client without authentication_failure_close is closed without a method', async () => {
    const client = await lab.dial();
    await client.logIn(lab.url, { password: 'wrong' });
    await client.ended;
    await expect(client.next()).rejects.toThrow('closed the socket');
  });

  it('an unknown vhost is refused with 530', async () => {
    expect(await lab.refusal(lab.connect({ vhost: 'not-there' }))).toBe(
      'connection 530 by connection.open: NOT_ALLOWED - vhost not-there not found',
    );
  });

  it('errors before the connection is open: RabbitMQ closes the socket after 3 s, the embedded broker reports the reason', async () => {
    const tuneOk = async (wrong: object): Promise<string> => {
      const client = await lab.dial();
      await client.logIn(lab.url);
      await client.expect('connection.tune');
      client.send(0, 'connection.tuneOk', { channelMax: 2047, frameMax: 131_072, heartbeat: 0, ...wrong });
      return client.outcome();
    };
    const started = async (act: (client: RawClient) => void): Promise<string> => {
      const client = await lab.dial();
      client.raw(amqp(0, 0, 9, 1));
      await client.expect('connection.start');
      act(client);
      return client.outcome();
    };
    const seen = await Promise.all([
      tuneOk({ frameMax: 4095 }),
      tuneOk({ frameMax: 131_073 }),
      tuneOk({ frameMax: 0 }),
      tuneOk({ channelMax: 2048 }),
      tuneOk({ channelMax: 0 }),
      started((client) => client.send(0, 'connection.startOk', { mechanism: 'MAGIC', locale: 'en_US' })),
      started((client) => client.send(1, 'channel.open')),
      started((client) => client.send(0, 'connection.open')),
      started((client) => client.send(0, 'connection.tuneOk')),
    ]);
    const negotiated = 'connection 530 by connection.tuneOk: NOT_ALLOWED - negotiated';
    const expected = [
      `${negotiated} frame_max = 4095 is lower than the minimum allowed value (4096)`,
      `${negotiated} frame_max = 131073 is higher than the maximum allowed value (131072)`,
      `${negotiated} frame_max = 0 (no limit) is higher than the maximum allowed value (131072)`,
      `${negotiated} channel_max = 2048 is higher than the maximum allowed value (2047)`,
      `${negotiated} channel_max = 0 (no limit) is higher than the maximum allowed value (2047)`,
      'hung up',
      'connection 504 by channel.open: CHANNEL_ERROR - unexpected method in the handshake',
      'connection 503 by connection.open: COMMAND_INVALID - connection.open during the handshake, where connection.startOk was due',
      'connection 503 by connection.tuneOk: COMMAND_INVALID - connection.tuneOk during the handshake, where connection.startOk was due',
    ];
    expect(seen).toEqual(
      lab.differs('silent-handshake', { rabbitmq: expected.map(() => 'hung up'), embedded: expected }),
    );
  });

  it('tune proposes 2047 channels, frames of 128 KiB and a heartbeat of 60 s', async () => {
    const client = await lab.dial();
    await client.logIn(lab.url);
    const { args } = await client.expect('connection.tune');
    expect(args).toEqual({ channelMax: 2047, frameMax: 131_072, heartbeat: 60 });
  });

  it('the client may lower every limit', async () => {
    const client = await lab.raw({ tuneOk: { channelMax: 1, frameMax: 8192, heartbeat: 600 } });
    client.send(1, 'basic.qos', { prefetchCount: 1 });
    await client.expect('basic.qosOk');
  });

  it('a channel above channel_max is refused', async () => {
    const client = await lab.rawConnection({ tuneOk: { channelMax: 2 } });
    await client.openChannel(1);
    await client.openChannel(2);
    client.send(3, 'channel.open');
    expect(await client.refusal()).toMatch(
      /^connection 530: NOT_ALLOWED - number of channels opened \(2\) has reached the negotiated channel_max \(2\)$/,
    );
  });

  it('a frame larger than frame_max is a frame error', async () => {
    const client = await lab.raw({ tuneOk: { frameMax: 4096 } });
    // RabbitMQ accepts eight more bytes.
    client.frame(3, 1, Buffer.alloc(4096 + 1));
    expect(await client.refusal()).toMatch(/^connection 501.*: FRAME_ERROR/);
  });

  it.each([
    ['exactly as large as agreed', 4088],
    ['eight bytes larger, as some clients send them,', 4096],
  ])('a frame that is %s is accepted', async (_, size) => {
    const client = await lab.raw({ tuneOk: { frameMax: 4096 } });
    const queue = lab.name();
    client.send(1, 'queue.declare', { queue });
    await client.expect('queue.declareOk');
    client.publish(1, { routingKey: queue }, {}, '');
    const method = Buffer.from([0, 60, 0, 40, 0, 0, 0, queue.length, ...Buffer.from(queue), 0]);
    const header = Buffer.alloc(14);
    header.writeUInt16BE(60, 0);
    header.writeUInt32BE(size, 8);
    client.frame(1, 1, method);
    client.frame(2, 1, header);
    client.frame(3, 1, Buffer.alloc(size, 'x'));
    client.send(1, 'basic.get', { queue, noAck: true });
    await client.expect('basic.getOk');
    client.send(1, 'basic.get', { queue, noAck: true });
    expect((await client.expect('basic.getOk')).body).toHaveLength(size);
  });

  it('bodies are split by the client’s frame_max', async () => {
    const client = await lab.raw({ tuneOk: { frameMax: 4096 } });
    const queue = lab.name();
    client.send(1, 'queue.declare', { queue });
    await client.expect('queue.declareOk');
    const publisher = await lab.channel({ confirm: true });
    await publisher.publish('', queue, Buffer.alloc(20_000, 'x'));
    client.limitFrames(4096);
    client.send(1, 'basic.get', { queue, noAck: true });
    expect((await client.expect('basic.getOk')).body).toHaveLength(20_000);
  });

  it('start-ok a second time is a channel error of the connection', async () => {
    const client = await lab.rawConnection();
    client.send(0, 'connection.startOk', { mechanism: 'PLAIN', locale: 'en_US' });
    expect(await client.refusal()).toMatch(/^connection 504/);
  });

  it('update-secret is answered', async () => {
    const client = await lab.rawConnection();
    client.send(0, 'connection.updateSecret', { newSecret: Buffer.from('guest'), reason: 'why not' });
    await client.expect('connection.updateSecretOk');
  });

  it('connection.close is answered', async () => {
    const client = await lab.raw();
    client.send(0, 'connection.close', { replyCode: 200, replyText: 'bye' });
    await client.expect('connection.closeOk');
  });

  it('the broker sends heartbeats at least as often as agreed, and ends the connection of a silent client', async () => {
    const client = await lab.rawConnection({ tuneOk: { heartbeat: 1 } });
    const start = Date.now();
    expect((await client.nextOfAny()).method).toBeUndefined();
    expect(Date.now() - start).toBeLessThan(3_000);
    await client.ended;
    expect(Date.now() - start).toBeGreaterThan(1_500);
  });

  it('a client that sends heartbeats stays connected', async () => {
    const client = await lab.raw({ tuneOk: { heartbeat: 1 } });
    const timer = setInterval(() => client.frame(8, 0, Buffer.alloc(0)), 400);
    try {
      for (let count = 0; count < 5; count++) expect((await client.nextOfAny()).method).toBeUndefined();
      client.send(1, 'basic.qos', { prefetchCount: 1 });
      await client.expect('basic.qosOk');
    } finally {
      clearInterval(timer);
    }
  });

  it('without heartbeats none are sent', async () => {
    const client = await lab.raw({ tuneOk: { heartbeat: 0 } });
    client.send(1, 'basic.qos', { prefetchCount: 1 });
    expect((await client.nextOfAny()).method?.name).toBe('basic.qosOk');
  });
});
