import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, type MicroserviceOptions } from '@nestjs/microservices';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom } from 'rxjs';
import { AmqpHealthIndicator, AmqpStartupError, classicQueue } from 'nest-amqp';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { AccessRefusedError, CredentialsError, type CredentialsProvider } from 'nest-amqp/client';
import { AmqpClientProxy, AmqpServer } from 'nest-amqp/microservices';
import { eventually } from '../client/support/client-harness.js';
import { publisherOf, useNest } from './support/nest-harness.js';

/** Lifetime of a token, ms. It is renewed after 1.4 to 1.6 s. */
const LIFETIME = 2_000;

describe('credentials that expire', () => {
  const nest = useNest();
  let broker: EmbeddedBroker;
  /** The tokens that were given to the broker. */
  let seen: Set<string>;
  /** Behaviour of the next calls of `credentials`; a good token when it is empty. */
  let plans: ('throws' | 'expired' | 'refused')[];
  let count = 0;

  beforeAll(async () => {
    broker = await EmbeddedBroker.start({
      users: (_user, token) => {
        seen.add(token);
        return { expiresAt: Number(token.split('-')[1]) };
      },
    });
  });
  afterAll(() => broker?.close());
  beforeEach(() => {
    [seen, plans] = [new Set(), []];
  });

  const credentials: CredentialsProvider = () => {
    const plan = plans.shift();
    if (plan === 'throws') throw new Error('the issuer is down');
    const expiresAt = Date.now() + (plan === undefined ? LIFETIME : -1);
    const login = { username: 'shop', password: `s3cret${++count}-${expiresAt}` };
    return plan === 'refused' ? login : { ...login, expiresAt };
  };
  const connection = { credentials, reconnect: { initialDelay: 20, maxDelay: 50 } };
  const settings = () => ({ url: broker.url, connection });

  it.each(['throws', 'expired', 'refused'] as const)(
    'the start goes on when a first token is bad: %s',
    async (plan) => {
      plans = [plan, plan, plan];
      const app = await nest.start({}, { ...settings(), topology: { queues: [classicQueue('orders')] } });
      await publisherOf(app).sendToQueue('orders', 1);
      expect(nest.lines.inbox.all.join()).not.toContain('s3cret');
    },
  );

  it('the start fails after its deadline, with the reason, when no token is good', async () => {
    for (const [plan, cause] of [
      ['throws', CredentialsError],
      ['refused', AccessRefusedError],
    ] as const) {
      plans = Array.from({ length: 1_000 }, () => plan);
      const starting = nest.start({}, { ...settings(), startupTimeout: 300 });
      const error = (await starting.catch((reason: unknown) => reason)) as AmqpStartupError;
      expect(error).toBeInstanceOf(AmqpStartupError);
      expect(error.cause).toBeInstanceOf(cause);
    }
  });

  it('health tells that a renewal fails, and that one has succeeded', async () => {
    const app = await nest.start({}, settings());
    const health = app.get(AmqpHealthIndicator, { strict: false });
    const told = () => health.isHealthy().amqp;
    expect(told().connections['default']).toEqual({ publishing: 'open', consuming: 'open' });
    plans = Array.from({ length: 6 }, () => 'throws');
    await eventually(() => told().connections['default']!.reason !== undefined);
    expect(told()).toMatchObject({
      status: 'up',
      connections: {
        default: {
          publishing: 'open',
          consuming: 'open',
          reason: 'credentials: the function failed with Error: the issuer is down',
        },
      },
    });
    expect(nest.lines.with('renewing the credentials failed').length).toBeGreaterThan(0);
    await eventually(() => told().connections['default']!.reason === undefined);
    // Each of the two connections has brought a second token.
    await eventually(() => seen.size >= 4);
    expect(nest.lines.with('reconnected')).toEqual([]);
  });

  it('server and client of the transport renew theirs, and begin with a bad token', async () => {
    @Controller()
    class Service {
      @MessagePattern('double')
      double(n: number): number {
        return 2 * n;
      }
    }
    plans = ['throws', 'refused', 'expired'];
    const options = { urls: [broker.url], queue: 'rpc', connection };

    @Module({ controllers: [Service] })
    class AppModule {}

    const app = nest.adopt(
      await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
        strategy: new AmqpServer(options),
        logger: nest.lines,
        abortOnError: false,
      }),
    );
    await app.listen();
    const client = new AmqpClientProxy(options);
    try {
      const asks = (): Promise<number> => firstValueFrom(client.send<number>('double', 21));
      expect(await eventually(() => asks().catch(() => undefined))).toBe(42);
      const { size } = seen;
      // Those of server and client.
      await eventually(() => seen.size >= size + 2);
      expect(await asks()).toBe(42);
      expect(nest.lines.with('reconnected')).toEqual([]);
    } finally {
      await client.close();
    }
  });
});
