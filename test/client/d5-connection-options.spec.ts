import { describe, expect, it } from '@jest/globals';
import {
  AmqpError,
  ConfigurationError,
  amqplain,
  connect,
  createConnection,
  plain,
  type ConnectionOptions,
} from '../../lib/client/index.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { errorOf, useClientHarness } from './support/client-harness.js';

const WRONG: readonly (readonly [string, object, RegExp])[] = [
  [
    'mechanisms without the list',
    { mechanisms: plain({ username: 'guest', password: 'guest' }) },
    /^mechanisms must be a list/,
  ],
  ['mechanisms that are none', { mechanisms: ['PLAIN'] }, /^mechanisms must be a list/],
  ['createSocket', { createSocket: true }, /^createSocket must be a function/],
  ['vhost', { vhost: 5 }, /^vhost must be a string/],
  ['a long vhost', { vhost: 'v'.repeat(256) }, /^vhost has 256 bytes/],
  ['connectionName', { connectionName: Object.create(null) }, /^connectionName must be a string/],
  ['credentials without a password', { credentials: { username: 'guest' } }, /^credentials: password must be a string/],
  ['credentials as text', { credentials: 'guest' }, /^credentials must be \{ username, password \}/],
  ['clientProperties', { clientProperties: 5 }, /^clientProperties must be an object/],
  ['large clientProperties', { clientProperties: { a: 'x'.repeat(5_000) } }, /clientProperties have \d+ bytes/],
  ['clientProperties that AMQP has no type for', { clientProperties: { a: Symbol('a') } }, /^clientProperties\.a /],
  [
    'the mode of the heartbeat',
    { heartbeat: { interval: 5, mode: 'x' } },
    /^heartbeat\.mode must be 'auto' or 'manual'/,
  ],
  ['heartbeat', { heartbeat: '5' }, /^heartbeat must be a number from 0 to 65535/],
  ['tls', { tls: 'x' }, /^tls must be an object/],
  [
    'an option of tls that Node does not have',
    { tls: { rejectUnauthorised: false } },
    /^tls: unknown option 'rejectUnauthorised'; did you mean 'rejectUnauthorized'\? Known are: .*, minVersion, /,
  ],
  [
    'credentials that no login has',
    { credentials: { username: 'guest', password: 'guest', expiresAt: 5 } },
    /^credentials: unknown option 'expiresAt'; known are: username, password$/,
  ],
  [
    'a misspelt login',
    { credentials: { user: 'guest', password: 'guest' } },
    /^credentials: unknown option 'user'; did you mean 'username'\?/,
  ],
  ['random', { random: 5 }, /^random must be an object with the method next/],
  ['clock', { clock: {} }, /^clock must be a clock with the methods now, /],
  ['logger', { logger: 5 }, /^logger must be an object with the method warn/],
  ['reconnect', { reconnect: { maxDelay: 'x' } }, /^reconnect\.maxDelay must be a number of milliseconds/],
];

describe('D5 a mistake in the options of a connection is refused when the connection is created', () => {
  it.each(WRONG)('D5 %s', async (_, options, message) => {
    const { url } = sharedRabbit();
    const error = await errorOf(connect(url, options as ConnectionOptions));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(message);
    expect(() => createConnection(url, options as ConnectionOptions)).toThrow(message);
  });

  it('D5 options that are no object', async () => {
    for (const options of [null, 5, 'x']) {
      const error = await errorOf(connect(sharedRabbit().url, options as never));
      expect(error).toBeInstanceOf(ConfigurationError);
    }
  });

  it('D5 a login without a password is no login as undefined', () => {
    for (const mechanism of [plain, amqplain]) {
      expect(() => mechanism({ username: 'guest' } as never)).toThrow(ConfigurationError);
      expect(() => mechanism(undefined as never)).toThrow('username must be a string');
    }
  });

  it('D5 what only the handshake can refuse ends createConnection(), too', async () => {
    const mechanism = { name: 'PLAIN', initialResponse: () => 'guest' as never };
    const connection = createConnection(sharedRabbit().url, { mechanisms: [mechanism] });
    const error = await connection.closed;
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error?.message).toMatch(/^connect: response of connection\.startOk must be bytes/);
  });

  it('D5 a TypeError of a function says which function has thrown it', async () => {
    const fails = (): never => (undefined as never as { find(): never }).find();
    const { url } = sharedRabbit();
    const ofSocket = await errorOf(connect(url, { createSocket: fails }));
    expect(ofSocket).toBeInstanceOf(AmqpError);
    expect(ofSocket.message).toMatch(/createSocket failed with TypeError: /);
    const ofUrls = await errorOf(connect(fails));
    expect(ofUrls).toBeInstanceOf(AmqpError);
    expect(ofUrls.message).toMatch(/^urls failed with TypeError: /);
    expect(ofUrls.cause).toBeInstanceOf(TypeError);
    const ofLogin = await errorOf(connect(url, { mechanisms: [{ name: 'PLAIN', initialResponse: fails }] }));
    expect(ofLogin.message).toMatch(/the login failed with TypeError: /);
  });
});

describe('D5 a mistake in a call on a connection is refused', () => {
  const harness = useClientHarness();

  it('D5 work and openAfter', async () => {
    const connection = await harness.connect();
    for (const wrong of [undefined, 5, {}]) {
      const error = await errorOf(connection.withScratchChannel(wrong as never));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toBe('withScratchChannel: work must be a function');
    }
    expect(() => connection.channel({ openAfter: true as never })).toThrow('openAfter must be a function');
    const error = await errorOf(connection.openChannel({ openAfter: () => undefined as never }));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toBe('openAfter must return a promise');
  });

  it('D5 updateSecret, after which the next login would fail', async () => {
    const connection = await harness.connect();
    for (const wrong of [undefined, null, 5, [], new Date()]) {
      expect(await errorOf(connection.updateSecret(wrong as never, 'test'))).toBeInstanceOf(ConfigurationError);
    }
    expect(await errorOf(connection.updateSecret('guest', 5 as never))).toBeInstanceOf(ConfigurationError);
  });
});
