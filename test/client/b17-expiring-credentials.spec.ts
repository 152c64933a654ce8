import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import type { Clock } from '../../lib/environment/index.js';
import { EmbeddedBroker, type CheckLogin } from '../../lib/broker/index.js';
import {
  AccessRefusedError,
  ConfigurationError,
  ConnectionClosedError,
  ConnectionLostError,
  createConnection,
  CredentialsError,
  type Connection,
  type ConnectionOptions,
  type CredentialsProvider,
  type ExpiringCredentials,
} from '../../lib/client/index.js';
import { ManualClock } from './support/manual-clock.js';
import { eventOf, eventually, useClientHarness } from './support/client-harness.js';

const MINUTE = 60_000;
/** The clock of the tests begins here, in ms since 1970. */
const NOW = 1_800_000_000_000;

const harness = useClientHarness();

/** Issues tokens of a minute, and knows which are valid. Both ends have its clock. */
class Issuer {
  readonly clock = new ManualClock(NOW);
  /** The timers of the client that run. */
  readonly timers = new Set<object>();
  readonly signals: AbortSignal[] = [];
  readonly logged: string[] = [];
  readonly events: string[] = [];
  /** The passwords that the broker was given. */
  readonly seen: string[] = [];
  lifetime = MINUTE;
  isDown = false;
  private count = 0;

  readonly check: CheckLogin = (user, token) => {
    this.seen.push(token);
    const [, expiresAt] = token.split('-').map(Number);
    return user === 'billing' && { expiresAt: expiresAt! };
  };

  issue(): ExpiringCredentials & { expiresAt: number } {
    const expiresAt = this.clock.wallTime() + this.lifetime;
    return { username: 'billing', password: `s3cret${++this.count}-${expiresAt}`, expiresAt };
  }

  readonly provide: CredentialsProvider = ({ signal }) => {
    this.signals.push(signal);
    if (this.isDown) throw new Error('the issuer is down');
    return Promise.resolve(this.issue());
  };

  /** The clock, with the client's timers counted. */
  private get clientClock(): Clock {
    const { clock, timers } = this;
    return {
      now: () => clock.now(),
      wallTime: () => clock.wallTime(),
      afterPendingEvents: (run) => clock.afterPendingEvents(run),
      after: (delay, run) => {
        const timer = {};
        const cancel = clock.after(delay, () => {
          timers.delete(timer);
          run();
        });
        timers.add(timer);
        return () => {
          timers.delete(timer);
          cancel();
        };
      },
    };
  }

  async broker(): Promise<EmbeddedBroker> {
    const broker = await EmbeddedBroker.start({ clock: this.clock, users: this.check });
    harness.cleanup(() => broker.close());
    return broker;
  }

  /** Returns a connection in the background, whose events are noted. */
  async connection(credentials: CredentialsProvider, options: ConnectionOptions = {}): Promise<Connection> {
    const { url } = await this.broker();
    const log = (line: string): void => void this.logged.push(line);
    const connection = harness.watch(
      createConnection({
        urls: url,
        credentials,
        clock: this.clientClock,
        random: { next: () => 0.5, uuid: () => '' } as never,
        reconnect: { initialDelay: 100, maxDelay: 5_000 },
        heartbeat: 0,
        logger: { warn: log, debug: log },
        ...options,
      }),
    );
    for (const event of ['connected', 'disconnected', 'reconnected', 'closed', 'credentialsRenewed'] as const) {
      connection.on(event, () => this.events.push(event));
    }
    for (const event of ['reconnectFailed', 'renewalFailed'] as const) {
      connection.on(event, ({ message }, delay) => this.events.push(`${event} (${delay}): ${message}`));
    }
    return connection;
  }

  /** Moves on to the moment of a renewal: three quarters of the lifetime, with the random number of these tests. */
  async untilRenewal(): Promise<void> {
    this.clock.advance(0.75 * this.lifetime);
    await turns();
  }
}

/** Lets the sockets and promises of this process do what they can do now. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
}

describe('B17 credentials that expire', () => {
  it('B17 are renewed before they expire, again and again, and the connection stays', async () => {
    const issuer = new Issuer();
    const connection = await issuer.connection(issuer.provide);
    await connection.whenOpen();
    const { socket } = connection;
    expect(connection.user).toBe('billing');
    for (let round = 0; round < 5; round++) {
      const renewed = eventOf(connection, 'credentialsRenewed');
      issuer.clock.advance(0.75 * MINUTE - 1);
      await turns();
      expect(issuer.signals).toHaveLength(round + 1);
      issuer.clock.advance(1);
      await renewed;
      await turns();
    }
    expect(connection.socket).toBe(socket);
    expect(new Set(issuer.seen).size).toBe(6);
    expect(issuer.events).toEqual(['connected', ...Array.from({ length: 5 }, () => 'credentialsRenewed')]);
    expect(issuer.logged).toEqual(Array.from({ length: 5 }, () => 'the credentials are renewed'));
  });

  it.each([
    [0, 0.7],
    [0.999, 0.7999],
  ])('B17 are renewed at a random part of their lifetime: %d gives %d', async (random, part) => {
    const issuer = new Issuer();
    const connection = await issuer.connection(issuer.provide, { random: { next: () => random } as never });
    await connection.whenOpen();
    issuer.clock.advance(part * MINUTE - 1);
    await turns();
    expect(issuer.signals).toHaveLength(1);
    issuer.clock.advance(1);
    await eventOf(connection, 'credentialsRenewed');
  });

  it('B17 without an end are never renewed; a Date is an end, too', async () => {
    const issuer = new Issuer();
    const ends: ExpiringCredentials['expiresAt'][] = [new Date(NOW + MINUTE), undefined];
    const connection = await issuer.connection(() => {
      const { expiresAt: _, ...login } = issuer.issue();
      return { ...login, expiresAt: ends.shift() };
    });
    await connection.whenOpen();
    await issuer.untilRenewal();
    expect(issuer.events).toEqual(['connected', 'credentialsRenewed']);
    expect(ends).toEqual([]);
    issuer.clock.advance(0.25 * MINUTE);
    await turns();
    expect(issuer.seen).toHaveLength(2);
  });

  it('B17 are fetched anew for each reconnect', async () => {
    const issuer = new Issuer();
    const connection = await issuer.connection(issuer.provide);
    await connection.whenOpen();
    for (let round = 1; round <= 3; round++) {
      const back = eventOf(connection, 'reconnected');
      connection.socket!.destroy();
      await eventOf(connection, 'disconnected');
      await issuer.clock.advanceUntil(back);
      expect(new Set(issuer.seen).size).toBe(round + 1);
    }
  });

  it('B17 a failed renewal is told, and tried again until one succeeds', async () => {
    const issuer = new Issuer();
    const connection = await issuer.connection(issuer.provide);
    await connection.whenOpen();
    issuer.isDown = true;
    await issuer.untilRenewal();
    const failure = 'credentials: the function failed with Error: the issuer is down';
    expect(issuer.events).toEqual(['connected', `renewalFailed (50): ${failure}`]);
    expect(connection.renewalError).toBeInstanceOf(CredentialsError);
    expect(connection.state).toBe('open');
    for (const wait of [50, 100, 200]) {
      issuer.clock.advance(wait);
      await turns();
    }
    expect(issuer.events.slice(2)).toEqual([100, 200, 400].map((delay) => `renewalFailed (${delay}): ${failure}`));
    expect(issuer.logged.map((line) => line.replace(`${failure}; `, ''))).toEqual([
      'renewing the credentials failed: next attempt in 50 ms',
      'renewing the credentials failed: next attempt in 100 ms',
      'renewing the credentials failed: next attempt in 200 ms, further failures are not logged',
    ]);
    issuer.isDown = false;
    issuer.clock.advance(400);
    await turns();
    expect(issuer.events.at(-1)).toBe('credentialsRenewed');
    expect(connection.renewalError).toBeUndefined();
  });

  it('B17 when they expire, the connection is lost with the reason, and back with others', async () => {
    const issuer = new Issuer();
    const connection = await issuer.connection(issuer.provide);
    await connection.whenOpen();
    const channel = await connection.openChannel({ confirm: true });
    await channel.queueDeclare('invoices');
    issuer.isDown = true;
    await issuer.untilRenewal();
    const lost = eventOf<[ConnectionLostError]>(connection, 'disconnected');
    for (let step = 0; step < 150; step++) {
      issuer.clock.advance(100);
      await turns();
    }
    const [error] = await lost;
    expect(error.message).toMatch(
      /^connection to 127\.0\.0\.1:\d+: the credentials have expired and were not renewed: credentials: the function failed/,
    );
    expect(error.cause).toBeInstanceOf(CredentialsError);
    expect(connection.renewalError).toBeUndefined();
    const published = channel.publish('', 'invoices', 'waits for a token', { timeout: Infinity });
    issuer.isDown = false;
    await issuer.clock.advanceUntil(published);
    expect(connection.state).toBe('open');
  });

  it('B17 the connection closes at their end without a way back', async () => {
    const issuer = new Issuer();
    let asked = 0;
    const connection = await issuer.connection(
      ({ signal }) => (asked++ === 0 ? issuer.issue() : new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))), // prettier-ignore
      { reconnect: false, connectTimeout: Infinity },
    );
    await connection.whenOpen();
    await issuer.untilRenewal();
    issuer.clock.advance(0.25 * MINUTE);
    expect(await connection.closed).toBeInstanceOf(ConnectionLostError);
    expect(asked).toBe(2);
  });

  it('B17 a broker that refuses the new secret ends the connection, which logs in with another', async () => {
    const issuer = new Issuer();
    let wrong = false;
    const connection = await issuer.connection((context) => {
      const given = issuer.provide(context);
      return wrong ? { username: 'billing', password: 's3cret', expiresAt: NOW + 10 * MINUTE } : given;
    });
    await connection.whenOpen();
    wrong = true;
    const lost = eventOf<[Error]>(connection, 'disconnected');
    const back = eventOf(connection, 'reconnected');
    await issuer.untilRenewal();
    const [error] = await lost;
    expect(error.message).toContain('530 NOT_ALLOWED - New secret was refused by one of the backends');
    wrong = false;
    await issuer.clock.advanceUntil(back);
  });

  it('B17 a broker that closes the connection at their end gets others with the next login', async () => {
    const issuer = new Issuer();
    // This client believes that the token lives longer than it does.
    const connection = await issuer.connection(() => ({ ...issuer.issue(), expiresAt: NOW + 60 * MINUTE }));
    await connection.whenOpen();
    const lost = eventOf<[Error]>(connection, 'disconnected');
    const back = eventOf(connection, 'reconnected');
    issuer.clock.advance(MINUTE);
    const [error] = await lost;
    expect(error.message).toContain('403 ACCESS_REFUSED - the credentials have expired');
    await issuer.clock.advanceUntil(back);
  });
});

describe('B17 the function of the credentials', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('no network');
      },
      'credentials: the function failed with Error: no network',
    ],
    ['rejects with nothing', () => Promise.reject(), 'credentials: the function failed with undefined'], // eslint-disable-line @typescript-eslint/prefer-promise-reject-errors
    [
      'returns what has expired',
      () => ({ username: 'billing', password: 's3cret', expiresAt: NOW - 5 }),
      'credentials: the function returned credentials that expired 5 ms ago',
    ],
  ] as [string, CredentialsProvider, string][])(
    'B17 %s: the attempt fails, and the next one follows',
    async (_, once, message) => {
      // prettier-ignore
      const issuer = new Issuer();
      let first = true;
      const connection = await issuer.connection((context) => {
        if (!first) return issuer.provide(context);
        first = false;
        return once(context);
      });
      const [error] = await eventOf<[Error]>(connection, 'reconnectFailed');
      expect(error).toBeInstanceOf(CredentialsError);
      expect(error).toMatchObject({ message, recoverable: true, scope: 'connection' });
      await issuer.clock.advanceUntil(connection.whenOpen({ timeout: Infinity }));
    },
  );

  it('B17 hangs: the attempt fails after connectTimeout, and the function is told by its signal', async () => {
    const issuer = new Issuer();
    const connection = await issuer.connection(
      (context) => {
        const given = issuer.provide(context);
        return issuer.signals.length > 1 ? given : new Promise(() => {});
      },
      { connectTimeout: 3_000 },
    );
    await eventually(() => issuer.signals.length === 1);
    issuer.clock.advance(2_999);
    await turns();
    expect(issuer.events).toEqual([]);
    issuer.clock.advance(1);
    await turns();
    const message = 'credentials: the function returned none within 3000 ms';
    expect(issuer.events).toEqual([`reconnectFailed (50): ${message}`]);
    expect(issuer.signals[0]!.reason).toBeInstanceOf(CredentialsError);
    await issuer.clock.advanceUntil(connection.whenOpen({ timeout: Infinity }));
  });

  it('B17 a refused login is tried again with other credentials', async () => {
    const issuer = new Issuer();
    let stale = true;
    const connection = await issuer.connection((context) => {
      const given = issuer.provide(context);
      return stale ? { username: 'billing', password: `s3cret-${NOW}`, expiresAt: NOW + MINUTE } : given;
    });
    const [error] = await eventOf<[Error]>(connection, 'reconnectFailed');
    expect(error).toBeInstanceOf(AccessRefusedError);
    expect(error).toMatchObject({ replyCode: 403, recoverable: true });
    stale = false;
    await issuer.clock.advanceUntil(connection.whenOpen({ timeout: Infinity }));
  });

  it.each([
    ['at the first attempt', false],
    ['during a renewal', true],
  ])('B17 close() while it runs ends cleanly: %s', async (_, renewal) => {
    const issuer = new Issuer();
    const connection = await issuer.connection((context) => {
      const given = issuer.provide(context);
      return renewal && issuer.signals.length === 1 ? given : new Promise(() => {});
    });
    if (renewal) {
      await connection.whenOpen();
      await issuer.untilRenewal();
    }
    await eventually(() => issuer.signals.length === (renewal ? 2 : 1));
    await connection.close();
    await turns();
    expect(issuer.signals.at(-1)!.reason).toBeInstanceOf(ConnectionClosedError);
    expect(issuer.events.filter((event) => event.includes('Failed'))).toEqual([]);
    expect(issuer.timers.size).toBe(0);
  });

  it.each([
    ['nothing', undefined, /username must be a string/],
    [
      'a misspelt end',
      { username: 'billing', password: 's3cret', expires_at: 5 },
      /^.*: unknown option 'expires_at'; did you mean 'expiresAt'\? Known are: username, password, expiresAt$/,
    ],
    ['no password', { username: 'billing' }, /password must be a string/],
    ['a Buffer', { username: 'billing', password: Buffer.from('s3cret') }, /password must be a string/],
    ['seconds', { username: 'billing', password: 's3cret', expiresAt: NOW / 1_000 }, /exp of a JWT is in seconds/],
    ['a text', { username: 'billing', password: 's3cret', expiresAt: '2027-01-01' }, /expiresAt must be a Date/],
    ['no date', { username: 'billing', password: 's3cret', expiresAt: new Date('s3cret') }, /expiresAt must be a Date/],
    ['NaN', { username: 'billing', password: 's3cret', expiresAt: NaN }, /expiresAt must be a Date/],
    ['null', { username: 'billing', password: 's3cret', expiresAt: null }, /expiresAt must be a Date/],
  ])('B17 returns %s: the first connection fails with what is wrong', async (_, given, message) => {
    const issuer = new Issuer();
    const connection = await issuer.connection(() => given as never);
    const error = (await connection.closed)!;
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(message);
    expect(inspect([error, issuer.logged], { showHidden: true })).not.toContain('s3cret');
  });

  it.each([
    [{ credentials: () => ({}) as never, mechanisms: [] }, /leave mechanisms out/],
    [{ credentials: 's3cret' as never }, /credentials must be \{ username, password \}/],
    [{ credentials: null as never }, /credentials must be \{ username, password \}/],
    [{ credentials: { username: 'billing' } as never }, /credentials: password must be a string/],
  ])('B17 wrong options are refused at once: %#', (options, message) => {
    expect(() => createConnection(options)).toThrow(ConfigurationError);
    expect(() => createConnection(options)).toThrow(message);
  });

  it('B17 no secret is shown, whatever fails', async () => {
    const issuer = new Issuer();
    const shown: unknown[] = [];
    let mode: 'good' | 'throws' | 'refused' = 'good';
    const connection = await issuer.connection((context) => {
      if (mode === 'good') return issuer.provide(context);
      if (mode === 'refused') return { username: 'billing', password: 's3cret', expiresAt: NOW + 60 * MINUTE };
      // As the errors of HTTP clients do, it carries the request.
      throw Object.assign(new Error('401'), { config: { body: 'client_secret=s3cret' } });
    });
    for (const event of ['renewalFailed', 'reconnectFailed', 'disconnected'] as const) {
      connection.on(event, (error: Error) => shown.push(error));
    }
    await connection.whenOpen();
    shown.push(connection);
    mode = 'throws';
    await issuer.untilRenewal();
    mode = 'refused';
    issuer.clock.advance(100);
    await turns();
    issuer.clock.advance(1_000);
    await turns();
    shown.push(connection, connection.renewalError, issuer.logged);
    expect(shown.length).toBeGreaterThan(5);
    const text = inspect(shown, { depth: Infinity, showHidden: true, maxArrayLength: Infinity });
    expect(text).toContain('New secret was refused');
    for (const form of ['s3cret', Buffer.from('s3cret').toString('base64').slice(0, 7)])
      expect(text).not.toContain(form);
  });
});
