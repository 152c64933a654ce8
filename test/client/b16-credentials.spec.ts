import { describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { amqplain, connect, plain, type ConnectionOptions } from '../../lib/client/index.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';

const USER = 'somebody';
const SECRET = 'hunter2';
/** The encodings of the secret: plain, base64 and hexadecimal. */
const FORMS = [SECRET, Buffer.from(SECRET).toString('base64').slice(0, 8), Buffer.from(SECRET).toString('hex')];

function expectNoSecret(...things: unknown[]): void {
  const text = things
    .flatMap((thing) => [
      inspect(thing, { depth: Infinity, showHidden: true, maxArrayLength: Infinity, maxStringLength: Infinity }),
      String((thing as Error | undefined)?.stack),
    ])
    .join('\n');
  for (const form of FORMS) expect(text).not.toContain(form);
}

describe('B16 credentials never appear in an error or a log', () => {
  const harness = useClientHarness();
  const login = `amqp://${USER}:${SECRET}@`;

  async function fails(options: ConnectionOptions): Promise<Error> {
    const logged: string[] = [];
    const logger = { warn: (line: string) => logged.push(line), debug: (line: string) => logged.push(line) };
    const error = await errorOf(harness.connect({ logger, ...options }));
    expectNoSecret(error, logged);
    return error;
  }

  it.each([
    ['PLAIN', plain],
    ['AMQPLAIN', amqplain],
  ])('B16 a refused %s login', async (_, mechanism) => {
    const { port } = sharedRabbit();
    await fails({ urls: `${login}127.0.0.1:${port}` });
    const error = await fails({ mechanisms: [mechanism({ username: USER, password: SECRET })] });
    // The error may name the user.
    expect(error.message).toMatch(/ACCESS_REFUSED|refused/i);
  });

  it('B16 a URI that cannot be parsed, in every way', async () => {
    const wrong = [
      `http://${USER}:${SECRET}@host`,
      `${login}host:99999`,
      `${login}host/a/b`,
      `${login}host/%`,
      `${login}host?what=1`,
      `${login}host?heartbeat=often`,
      `${login}ho st`,
      `amqp://${USER}:%${SECRET}@host`,
      // These characters should have been encoded.
      `amqp://${USER}:12/${SECRET}@host`,
      `amqp://${USER}:12?${SECRET}@host`,
      `amqp://${USER}:12#${SECRET}@host`,
      `amqp://${USER}:${SECRET}#1@host`,
      `amqp://${USER}:${SECRET}/1@host`,
      `amqp://${USER}:${SECRET}`,
      `${USER}:${SECRET}@host`,
    ];
    for (const uri of wrong) await fails({ urls: uri });
    await fails({ urls: [`${login}127.0.0.1:1`, `${login}host:99999`] });
  });

  it('B16 a closed port, an unknown host, a silent one, one that closes the socket', async () => {
    await fails({ urls: `${login}127.0.0.1:1` });
    await fails({ urls: `${login}there.invalid` });
    const silent = await harness.server(() => undefined);
    await fails({ urls: `${login}127.0.0.1:${silent.port}`, connectTimeout: 30 });
    const rude = await harness.server(async (peer) => {
      await peer.greet();
      peer.socket.destroy();
    });
    await fails({ urls: `${login}127.0.0.1:${rude.port}` });
  });

  it('B16 an HTTP server, garbage, and a mechanism that is not offered', async () => {
    const http = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
    await once(http, 'listening');
    harness.cleanup(() => http.close());
    await fails({ urls: `${login}127.0.0.1:${(http.address() as AddressInfo).port}` });
    const garbage = await harness.server((peer) => peer.raw(Buffer.from('garbage, and more of it')));
    await fails({ urls: `${login}127.0.0.1:${garbage.port}` });
    const picky = await harness.server((peer) => peer.greet({ mechanisms: 'GSSAPI' }).catch(() => undefined));
    await fails({ urls: `${login}127.0.0.1:${picky.port}` });
    const challenging = await harness.server(async (peer) => {
      await peer.greet();
      peer.send(0, 'connection.secure', { challenge: Buffer.of(1) });
    });
    await fails({ urls: `${login}127.0.0.1:${challenging.port}` });
  });

  it('B16 TLS that fails, and credentials that are no strings', async () => {
    await fails({ urls: `amqps://${USER}:${SECRET}@127.0.0.1:${sharedRabbit().port}` });
    const credentials = { username: USER, password: { toString: () => SECRET } } as never;
    await fails({ credentials });
    expectNoSecret(await errorOf(Promise.resolve().then(() => amqplain(credentials))));
  });

  it('B16 wrong options next to credentials', async () => {
    const credentials = { username: USER, password: SECRET };
    await fails({ credentials, urls: 'nowhere' });
    await fails({ credentials, frameMax: 100 });
    await fails({ credentials, hartbeat: 1 } as ConnectionOptions);
    expectNoSecret(await errorOf(connect(7 as never)));
  });

  it('B16 a vhost that is refused after the login, and failed reconnects, log included', async () => {
    const logged: string[] = [];
    const seen: unknown[] = [];
    const server = await harness.server(async (peer, index) => {
      await peer.greet();
      if (index > 0) {
        return peer.send(0, 'connection.close', { replyCode: 403, replyText: 'refused', classId: 10, methodId: 11 });
      }
      peer.tune();
      await peer.expect('connection.open');
      peer.send(0, 'connection.openOk', {});
      await peer.acceptChannel();
    });
    const connection = await harness.connect({
      urls: `${login}127.0.0.1:${server.port}`,
      reconnect: { initialDelay: 1, maxDelay: 1, attempts: 3 },
      logger: { warn: (line) => logged.push(line), debug: (line) => logged.push(line) },
    });
    connection.on('disconnected', (error) => seen.push(error));
    connection.on('reconnectFailed', (error) => seen.push(error));
    const channel = await connection.openChannel();
    const pending = errorOf(channel.queueDeclare('q'));
    const closed = eventOf(connection, 'closed');
    server.peers[0]!.socket.destroy();
    seen.push(await pending, await closed, await connection.closed);
    expect(logged.length).toBeGreaterThan(1);
    expectNoSecret(seen, logged);
  });

  it('B16 a printed connection, channel or delivery', async () => {
    const uri = `amqp://guest:guest@127.0.0.1:${sharedRabbit().port}`;
    const credentials = { username: 'guest', password: 'guest' };
    const connection = await harness.connect({ urls: uri, credentials });
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.publish('', queue, 'x');
    const delivery = (await channel.basicGet(queue))!;
    delivery.ack();
    const consumer = await channel.basicConsume(queue, () => undefined);
    expect(JSON.parse(JSON.stringify({ connection, channel }))).toEqual({
      connection: { state: 'open' },
      channel: { id: 1, isOpen: true, confirming: true },
    });
    for (const thing of [connection, channel, delivery, consumer]) {
      expect(inspect(thing, { depth: 12, showHidden: true })).not.toMatch(/guest/);
    }
  });
});
