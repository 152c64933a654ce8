import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AccessRefusedError, createConnection, type ConnectionOptions } from '../../lib/client/index.js';
import { startRabbitMq, type RabbitMq } from '../support/rabbitmq.js';
import { errorOf, eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { TokenIssuer } from './support/token-issuer.js';

/** Lifetime of a token in seconds. It is renewed after 2.1 to 3.2 s. */
const LIFETIME = 3;

describe("B17 RabbitMQ's OAuth 2 plugin", () => {
  const harness = useClientHarness();
  let issuer: TokenIssuer;
  let stranger: TokenIssuer;
  let rabbit: RabbitMq;

  beforeAll(async () => {
    [issuer, stranger] = [await TokenIssuer.create(), await TokenIssuer.create()];
    rabbit = await startRabbitMq({
      source: 'local',
      plugins: ['rabbitmq_auth_backend_oauth2'],
      config: issuer.config,
    });
  });
  afterAll(async () => {
    await rabbit?.stop();
    await Promise.all([issuer?.end(), stranger?.end()]);
  });

  const connect = (credentials: NonNullable<ConnectionOptions['credentials']>) =>
    harness.connect({ urls: rabbit.url, credentials });

  /** A new channel, since RabbitMQ caches permissions for each channel. */
  const work = (connection: Awaited<ReturnType<typeof connect>>): Promise<unknown> =>
    connection.withScratchChannel(async (channel) => {
      await channel.queueDeclare('invoices');
      await channel.confirmSelect();
      await channel.publish('', 'invoices', 'x', { mandatory: true });
    });

  it('B17 a token that is not renewed ends all work at its end', async () => {
    const { username, password } = issuer.issue(1);
    const connection = await connect({ username, password });
    await work(connection);
    const refusal = await eventually(() =>
      work(connection).then(
        () => undefined,
        (error: Error) => error,
      ),
    );
    expect(refusal).toBeInstanceOf(AccessRefusedError);
    expect(refusal.message).not.toContain(password);
  });

  it('B17 tokens are renewed on the same connection, which works on after the end of the first', async () => {
    const issued: number[] = [];
    const connection = await connect(() => {
      const credentials = issuer.issue(LIFETIME);
      issued.push(credentials.expiresAt);
      return credentials;
    });
    const { socket } = connection;
    for (let renewal = 1; renewal <= 2; renewal++) await eventOf(connection, 'credentialsRenewed');
    await eventually(() => Date.now() > issued[0]!);
    await work(connection);
    expect([connection.socket === socket, issued.length >= 3]).toEqual([true, true]);
    expect(harness.warnings).toEqual([]);
  });

  it('B17 a renewal that RabbitMQ refuses ends the connection, which logs in with another token', async () => {
    const plans = [issuer, stranger, issuer];
    const connection = await connect(() => (plans.shift() ?? issuer).issue(LIFETIME));
    const back = eventOf(connection, 'reconnected');
    const [error] = await eventOf<[Error]>(connection, 'disconnected');
    expect(error.message).toContain('530 NOT_ALLOWED');
    await back;
    await work(connection);
  });

  it('B17 a first token that has expired, or is signed by a stranger, is a failed attempt', async () => {
    const expired = { ...issuer.issue(-5), expiresAt: undefined };
    const plans = [expired, { ...stranger.issue(60) }];
    const failures: unknown[] = [];
    const connection = harness.watch(
      createConnection({
        urls: rabbit.url,
        credentials: () => plans.shift() ?? issuer.issue(60),
        reconnect: { initialDelay: 20, maxDelay: 100 },
        clock: harness.clock,
      }),
    );
    connection.on('reconnectFailed', (error) => failures.push(error));
    await connection.whenOpen();
    await work(connection);
    expect(failures).toHaveLength(2);
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(AccessRefusedError);
      expect(failure).toMatchObject({ replyCode: 403, recoverable: true });
      expect(String(failure)).not.toContain(expired.password);
    }
  });

  it('B17 connect() makes one attempt', async () => {
    const error = await errorOf(connect(() => stranger.issue(60)));
    expect(error).toBeInstanceOf(AccessRefusedError);
  });
});
