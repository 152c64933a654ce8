import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import {
  AccessRefusedError,
  ConnectionError,
  external,
  UnexpectedPeerError,
  type ConnectionOptions,
  type SaslMechanism,
} from '../../lib/client/index.js';
import { freePort, startRabbitMq, type RabbitMq } from '../support/rabbitmq.js';
import { errorOf, useClientHarness } from './support/client-harness.js';

const run = promisify(execFile);

/** A certificate authority in a folder, with the certificates that it has signed. */
class Authority {
  private constructor(
    readonly folder: string,
    readonly name: string,
  ) {}

  static async create(folder: string, name: string): Promise<Authority> {
    const authority = new Authority(folder, name);
    await authority.openssl('req', '-x509', ...NEW_KEY, '-keyout', authority.key(name), '-out', authority.cert(name),
      '-days', '2', '-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE'); // prettier-ignore
    return authority;
  }

  key = (name: string): string => join(this.folder, `${name}.key`);
  cert = (name: string): string => join(this.folder, `${name}.pem`);

  async sign(name: string, extensions: string): Promise<void> {
    const [request, file] = [join(this.folder, `${name}.csr`), join(this.folder, `${name}.ext`)];
    await writeFile(file, extensions);
    await this.openssl('req', ...NEW_KEY, '-keyout', this.key(name), '-out', request, '-subj', `/CN=${name}`);
    await this.openssl('x509', '-req', '-in', request, '-CA', this.cert(this.name), '-CAkey', this.key(this.name),
      '-CAcreateserial', '-days', '2', '-extfile', file, '-out', this.cert(name)); // prettier-ignore
  }

  private async openssl(...args: string[]): Promise<void> {
    await run('openssl', args);
  }
}

/** Elliptic curves, since an RSA key takes a second. */
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const CHALLENGE = 'RABBIT-CR-DEMO';

let folder: string;
let rabbit: RabbitMq;
let port: number;
let ca: Buffer;
let client: { cert: Buffer; key: Buffer };
let stranger: { cert: Buffer; key: Buffer };
let strangersCa: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nest-amqp-tls-'));
  const [authority, other] = [await Authority.create(folder, 'ca'), await Authority.create(folder, 'other-ca')];
  await authority.sign('localhost', 'subjectAltName=DNS:localhost');
  await authority.sign('tls-user', 'extendedKeyUsage=clientAuth');
  await other.sign('stranger', 'extendedKeyUsage=clientAuth');
  const read = async (name: string): Promise<{ cert: Buffer; key: Buffer }> => ({
    cert: await readFile(authority.cert(name)),
    key: await readFile(authority.key(name)),
  });
  ({ cert: ca } = await read('ca'));
  ({ cert: strangersCa } = await read('other-ca'));
  client = await read('tls-user');
  stranger = await read('stranger');
  port = await freePort();
  rabbit = await startRabbitMq({
    source: 'local',
    plugins: ['rabbitmq_auth_mechanism_ssl'],
    config: {
      'listeners.ssl.1': `127.0.0.1:${port}`,
      'ssl_options.cacertfile': authority.cert('ca'),
      'ssl_options.certfile': authority.cert('localhost'),
      'ssl_options.keyfile': authority.key('localhost'),
      'ssl_options.verify': 'verify_peer',
      'ssl_options.fail_if_no_peer_cert': true,
      ssl_cert_login_from: 'common_name',
      'auth_mechanisms.1': 'PLAIN',
      'auth_mechanisms.2': 'EXTERNAL',
      'auth_mechanisms.3': CHALLENGE,
    },
  });
  await rabbit.ctl('eval', 'rabbit_auth_backend_internal:add_user(<<"tls-user">>, <<"unused">>, <<"test">>), ' +
    'rabbit_auth_backend_internal:set_permissions(<<"tls-user">>, <<"/">>, <<".*">>, <<".*">>, <<".*">>, <<"test">>).'); // prettier-ignore
});

afterAll(async () => {
  await rabbit?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('A21 TLS', () => {
  const harness = useClientHarness();
  const over = (options: ConnectionOptions, host = 'localhost'): ConnectionOptions => ({
    urls: `amqps://guest:guest@${host}:${port}`,
    ...options,
  });

  it('A21 connects with the right certificates, and publishes over it', async () => {
    const connection = await harness.connect(over({ tls: { ca, ...client } }));
    const socket = connection.socket as tls.TLSSocket;
    expect(socket.encrypted).toBe(true);
    expect(socket.authorized).toBe(true);
    const channel = await connection.openChannel({ confirm: true });
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    const body = Buffer.alloc(300_000, 'large ');
    await channel.publish('', queue, body);
    expect((await channel.basicGet(queue, { noAck: true }))!.body.equals(body)).toBe(true);
  });

  it('A21 refuses a server certificate that the CA did not sign', async () => {
    const error = await errorOf(harness.connect(over({ tls: { ca: strangersCa, ...client } })));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/unable to verify|self.signed|issuer/);
    expect(error.message).toContain(`localhost:${port}`);
  });

  it("A21 without a CA option Node's own CAs apply, and refuse ours", async () => {
    const error = await errorOf(harness.connect(over({ tls: client })));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/unable to verify|self.signed|issuer/);
  });

  it('A21 refuses a host name that is not in the certificate, by default', async () => {
    const error = await errorOf(harness.connect(over({ tls: { ca, ...client } }, '127.0.0.1')));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/does not match|not in the cert/);
    expect(error.message).toContain('127.0.0.1');
    // The options may name another host.
    await harness.connect(over({ tls: { ca, ...client, servername: 'localhost', checkServerIdentity: () => undefined } }, '127.0.0.1')); // prettier-ignore
  });

  it('A21 reports a missing client certificate that the broker requires', async () => {
    const error = await errorOf(harness.connect(over({ tls: { ca } })));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/client certificate/);
    expect(error).not.toBeInstanceOf(AccessRefusedError);
  });

  it('A21 reports a client certificate that the broker does not trust', async () => {
    const error = await errorOf(harness.connect(over({ tls: { ca, ...stranger } })));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/client certificate/);
  });

  it('A21 reports TLS to a plain port, and plain TCP to a TLS port', async () => {
    const toPlain = await errorOf(
      harness.connect({ urls: `amqps://guest:guest@localhost:${rabbit.port}`, tls: { ca, ...client } }),
    );
    expect(toPlain).toBeInstanceOf(ConnectionError);
    expect(toPlain.message).toMatch(/amqp:\/\//);
    const toTls = await errorOf(harness.connect({ urls: `amqp://guest:guest@localhost:${port}` }));
    expect(toTls).toBeInstanceOf(UnexpectedPeerError);
    expect(toTls.message).toMatch(/amqps:\/\//);
  });
});

describe('A20 login, against a real broker', () => {
  const harness = useClientHarness();

  it('A20 EXTERNAL: the client certificate is the login', async () => {
    const tlsOptions = { ca, ...client };
    const connection = await harness.connect({
      urls: `amqps://localhost:${port}`,
      tls: tlsOptions,
      mechanisms: [external()],
    });
    const channel = await connection.openChannel({ confirm: true });
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    // The broker compares this property with the user of the connection.
    await channel.publish('', queue, 'x', { userId: 'tls-user' });
    expect(await channel.queuePurge(queue)).toBe(1);
  });

  it('A20 EXTERNAL without TLS is not offered', async () => {
    const error = await errorOf(harness.connect({ urls: rabbit.url, mechanisms: [external()] }));
    expect(error).toBeInstanceOf(AccessRefusedError);
  });

  it("A20 several steps: RabbitMQ's demonstration of challenge and response", async () => {
    const login = (password: string): SaslMechanism => ({
      name: CHALLENGE,
      initialResponse: () => Buffer.from('guest'),
      respond: (challenge) => {
        expect(Buffer.from(challenge).toString()).toBe('Please tell me your password');
        return Buffer.from(`My password is ${password}`);
      },
    });
    const connection = await harness.connect({ urls: rabbit.url, mechanisms: [login('guest')] });
    await connection.openChannel();
    const error = await errorOf(harness.connect({ urls: rabbit.url, mechanisms: [login('hunter2')] }));
    expect(error).toBeInstanceOf(AccessRefusedError);
    expect(error).toMatchObject({ replyCode: 403, scope: 'connection' });
    expect(error.message).not.toContain('hunter2');
  });
});
