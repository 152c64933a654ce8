import { describe, expect, it } from '@jest/globals';
import { EmbeddedBroker } from '../../lib/broker/index.js';
import {
  AccessRefusedError,
  amqplain,
  ConnectionClosedError,
  createConnection,
  plain,
  type ConnectionOptions,
} from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import type { Peer } from './support/scripted-server.js';

describe('B6 update-secret', () => {
  const harness = useClientHarness();

  it('B6 the broker accepts a new secret, and the connection continues', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    await connection.updateSecret('guest', 'the token was about to expire');
    await channel.publish('', harness.name(), 'x');
  });

  it('B6 secret and reason are sent unchanged; a refusal is a typed error without the secret', async () => {
    let broker!: Peer;
    const server = await harness.server(async (peer) => {
      broker = peer;
      await peer.handshake();
      peer.agreeToClose();
    });
    const connection = await harness.connect({ urls: server.url, reconnect: false });
    const first = connection.updateSecret('new-s3cret', 'why');
    const { args } = await broker.expect('connection.updateSecret');
    expect(Buffer.from(args.newSecret).toString()).toBe('new-s3cret');
    expect(args.reason).toBe('why');
    broker.send(0, 'connection.updateSecretOk', {});
    await first;

    const second = errorOf(connection.updateSecret('other-s3cret', 'why'));
    await broker.expect('connection.updateSecret');
    const close = { replyCode: 530, replyText: 'NOT_ALLOWED - refused', classId: 10, methodId: 70 };
    broker.send(0, 'connection.close', close);
    const error = await second;
    expect(error).toMatchObject({ replyCode: 530, method: 'connection.updateSecret' });
    expect(JSON.stringify([error.message, error.stack, harness.warnings])).not.toContain('s3cret');
  });

  it('B6 after a reconnect the new secret is the password', async () => {
    const passwords: string[] = [];
    const server = await harness.server(async (peer, index) => {
      const { response } = await peer.greet();
      passwords.push(Buffer.from(response).toString().split('\0')[2]!);
      peer.tune();
      await peer.expect('connection.open');
      peer.send(0, 'connection.openOk', {});
      peer.agreeToClose();
      if (index > 0) return;
      await peer.expect('connection.updateSecret');
      peer.send(0, 'connection.updateSecretOk', {});
    });
    const connection = await harness.connect({ urls: server.url.replace('://', '://user:old@') });
    await connection.updateSecret('new', 'refreshed');
    const back = eventOf(connection, 'reconnected');
    server.peers[0]!.socket.destroy();
    await back;
    expect(passwords).toEqual(['old', 'new']);
  });

  /** A broker that takes one password, which is another one from time to time. */
  async function issuing() {
    const issuer = { valid: 'first' };
    const broker = await EmbeddedBroker.start({ users: (_, password) => password === issuer.valid });
    harness.cleanup(() => broker.close());
    const { port } = broker;
    const url = `amqp://billing:first@127.0.0.1:${port}`;
    const open = (options: ConnectionOptions) =>
      harness.watch(createConnection({ reconnect: { initialDelay: 10, maxDelay: 20 }, ...options }));
    const expire = (valid: string): void => {
      issuer.valid = valid;
      broker.faults.drop('reset');
    };
    return { issuer, url, address: `amqp://127.0.0.1:${port}`, open, expire };
  }

  it('B6 a secret that comes while the connection is lost is the password of the next login', async () => {
    const { url, open, expire } = await issuing();
    const connection = open({ urls: url });
    await connection.whenOpen();
    const refused = eventOf(connection, 'reconnectFailed');
    expire('second');
    expect((await refused)[0]).toBeInstanceOf(AccessRefusedError);
    await connection.updateSecret('second', 'the first has expired');
    expect(connection.state).toBe('open');
  });

  it('B6 a secret that comes before the first login is its password', async () => {
    const { issuer, url, open } = await issuing();
    issuer.valid = 'second';
    const connection = open({ urls: url });
    await eventOf(connection, 'reconnectFailed');
    await connection.updateSecret('second', 'the first has expired');
    expect(connection.state).toBe('open');
  });

  it('B6 the last of several secrets is the password, until the function `urls` returns another one than before', async () => {
    const { issuer, url, open, expire } = await issuing();
    let given = url;
    const connection = open({ urls: () => Promise.resolve(given) });
    await connection.whenOpen();
    for (const secret of ['second', 'third']) {
      issuer.valid = secret;
      await connection.updateSecret(secret, 'the one before expires');
    }
    const again = eventOf(connection, 'reconnected');
    expire('third');
    await again;
    given = url.replace('first', 'fourth');
    const fresh = eventOf(connection, 'reconnected');
    expire('fourth');
    await fresh;
  });

  it.each([plain, amqplain])('B6 the mechanism of %p uses it as well', async (mechanism) => {
    const { issuer, address, open, expire } = await issuing();
    const mechanisms = [mechanism({ username: 'billing', password: 'first' })];
    const connection = open({ urls: address, mechanisms });
    await connection.whenOpen();
    issuer.valid = 'second';
    await connection.updateSecret('second', 'the first expires');
    const back = eventOf(connection, 'reconnected');
    expire('second');
    await back;
  });

  it('B6 a secret that the broker refuses is not used', async () => {
    const { url, open } = await issuing();
    const connection = open({ urls: url });
    await connection.whenOpen();
    const back = eventOf(connection, 'reconnected');
    expect(await errorOf(connection.updateSecret('wrong', 'why'))).toMatchObject({ method: 'connection.updateSecret' });
    await back;
    await connection.close();
    expect(await errorOf(connection.updateSecret('late', 'why'))).toBeInstanceOf(ConnectionClosedError);
  });
});
