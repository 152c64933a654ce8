import type { RmqOptions } from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../../lib/client/index.js';
import { AmqpClientProxy } from '../client/amqp.client-proxy.js';
import { AmqpServer } from '../server/amqp.server.js';
import { queueDeclaration } from './queue-options.js';
import { checkOptions, exchangeOf } from './transport-options.js';

const check = (options: object) => () => checkOptions('AmqpServer', options);

describe('the options', () => {
  it('that are misspelt are refused by name', () => {
    expect(check({ prefetch: 5 })).toThrow(
      "AmqpServer: unknown option 'prefetch'; did you mean 'prefetchCount'? Known are: urls, queue,",
    );
    expect(() => new AmqpServer({ quue: 'orders' } as object)).toThrow(ConfigurationError);
    expect(() => new AmqpClientProxy({ queue: 'orders', timeuot: 5 } as object)).toThrow("unknown option 'timeuot'");
    expect(() => queueDeclaration('orders', { ttl: 5 } as object)).toThrow("queueOptions: unknown option 'ttl'");
  });

  it.each([
    [{ prefetchCount: -1 }, 'prefetchCount must be a whole number from 0 to 65535'],
    [{ requestTimeout: '5' }, "requestTimeout must be milliseconds from 0, or text such as '10s'"],
    [{ gracePeriod: Number.NaN }, 'or Infinity for no limit; it is the number NaN'],
    [{ maxConnectionAttempts: -2 }, 'maxConnectionAttempts must be a whole number from -1'],
    [{ publishTimeout: '10 s' }, "it is a string, '10 s'"],
    [{ publishTimeout: 0 }, 'publishTimeout must be at least 1 ms, or Infinity for no limit'],
    [{ timeout: '0s' }, 'timeout must be at least 1 ms, or Infinity for no limit'],
    [{ prefetchCount: '10' }, "it is a string, '10'"],
    [{ noAck: true, ack: 'manual' }, /ack: 'manual'.*noAck/],
    [{ noAck: 'false' }, "AmqpServer: noAck must be true or false; it is a string, 'false'"],
    [{ persistent: 1 }, 'persistent must be true or false'],
    [{ noAssert: 'true' }, 'noAssert must be true or false'],
    [{ ack: 'man' }, "ack must be 'auto' or 'manual'; it is a string, 'man'"],
    [{ queue: 5 }, 'queue must be a string; it is the number 5'],
    [{ headers: 'x-tenant' }, 'headers must be an object'],
    [{ queueOptions: { durabel: true } }, "unknown option 'durabel'; did you mean 'durable'?"],
    [
      { socketOptions: { heartbeatIntervalInSecond: 5 } },
      "AmqpServer: socketOptions: unknown option 'heartbeatIntervalInSecond'; did you mean 'heartbeatIntervalInSeconds'? Known are: heartbeatIntervalInSeconds, reconnectTimeInSeconds, ",
    ],
    [
      { socketOptions: { ca: 'ca' } },
      /unknown option 'ca'.*Options of TLS, timeout and credentials go into connectionOptions/,
    ],
    [
      { socketOptions: { connectionOptions: { rejectUnauthorised: false } } },
      "AmqpServer: socketOptions.connectionOptions: unknown option 'rejectUnauthorised'; did you mean 'rejectUnauthorized'? Known are: ",
    ],
    [
      { socketOptions: { connectionOptions: { credentials: { mechanism: 'PLAIN', user: 'ada' } } } },
      "AmqpServer: socketOptions.connectionOptions.credentials: unknown option 'user'; did you mean 'username'?",
    ],
    [{ socketOptions: { heartbeatIntervalInSeconds: '5' } }, "it is a string, '5'"],
    [
      { socketOptions: { reconnectTimeInSeconds: NaN } },
      'socketOptions: reconnectTimeInSeconds must be a number of at least 0',
    ],
    [
      { connection: { reconect: {} } },
      "AmqpServer: connection: connect: unknown option 'reconect'; did you mean 'reconnect'?",
    ],
    [
      { connection: { reconnect: { maxdelay: 5 } } },
      "connection: reconnect: unknown option 'maxdelay'; did you mean 'maxDelay'?",
    ],
    [{ connection: { tls: { Ca: 'ca' } } }, "AmqpServer: connection: tls: unknown option 'Ca'; did you mean 'ca'?"],
    [
      { connection: { urls: 'amqp://other' } },
      "AmqpServer: connection: 'urls' would have no effect: set urls beside connection",
    ],
    [{ queueOptions: { durable: 'false' } }, "durable must be true or false; it is a string, 'false'"],
    [
      { urls: undefined },
      'AmqpServer: urls has no URL. If it comes from the environment, the variable is probably not set.',
    ],
    [{ urls: [] }, 'AmqpServer: urls has no URL'],
    [{ urls: [undefined] }, 'AmqpServer: urls has no URL'],
    [{ urls: '' }, 'AmqpServer: urls has no URL'],
    [null, 'AmqpServer: expected an object with options, got null'],
  ])('%j are refused', (options, message) => {
    expect(check(options as object)).toThrow(message);
    expect(() => new AmqpServer(options as object)).toThrow(ConfigurationError);
  });

  it.each([AmqpServer, AmqpClientProxy])('of retries are checked when %p is made', (made) => {
    expect(() => new made({ queue: 'orders', retry: { atempts: 5 } as object })).toThrow(
      `${made.name}: retry: unknown option 'atempts'; did you mean 'attempts'? Known are: attempts, backoff, delays, then`,
    );
  });

  it('that Transport.RMQ knows are accepted, whether or not they have an effect', () => {
    const connectionOptions = {
      timeout: 5_000,
      noDelay: true,
      keepAlive: true,
      keepAliveDelay: 1,
      clientProperties: {},
      credentials: { mechanism: 'PLAIN', username: 'ada', password: 'secret', response: () => Buffer.alloc(0) },
      port: 5671,
      localAddress: '127.0.0.1',
      ca: 'ca',
      servername: 'broker',
      requestOCSP: true,
    };
    const ofNest: NonNullable<RmqOptions['options']> = {
      queue: 'orders',
      prefetchCount: 5,
      isGlobalPrefetchCount: true,
      socketOptions: { heartbeatIntervalInSeconds: 5, reconnectTimeInSeconds: 5, noDelay: true, connectionOptions },
      queueOptions: { durable: true, noAssert: true, arguments: {} },
      headers: { tenant: 'a' },
      noAck: true,
      wildcards: true,
    };
    expect(() => new AmqpServer(ofNest)).not.toThrow();
    expect(() => new AmqpClientProxy(ofNest)).not.toThrow();
  });

  it.each([{}, { urls: undefined, socketOptions: { findServers: () => 'amqp://localhost' } }])(
    '%j need no URL',
    (options) => {
      expect(check(options)).not.toThrow();
    },
  );

  it('K3.1 that are durations may be text, and those that are limits Infinity', () => {
    const durations = { gracePeriod: '10s', requestTimeout: '1m', publishTimeout: Infinity } as const;
    expect(check({ ...durations, prefetchCount: Infinity, maxConnectionAttempts: Infinity })).not.toThrow();
    expect(queueDeclaration('orders', { messageTtl: '10s', expires: Infinity }).arguments).toEqual({
      'x-message-ttl': 10_000,
    });
    expect(() => queueDeclaration('orders', { expires: NaN })).toThrow('queueOptions: expires must be milliseconds');
  });

  it('of a client have to say where to', () => {
    expect(() => new AmqpClientProxy()).toThrow(/destination.*`queue`/);
    expect(() => new AmqpClientProxy({ wildcards: true })).toThrow('the exchange has no name');
    expect(() => new AmqpClientProxy({ exchange: 'orders', exchangeType: 'fanout' })).not.toThrow();
  });

  it.each([
    [{ queue: 'q' }, undefined],
    [{ queue: 'q', exchange: 'e' }, 'e'],
    [{ queue: 'q', wildcards: true }, 'q'],
    [{ queue: 'q', exchange: 'e', wildcards: true }, 'e'],
    [{ queue: 'q', exchangeType: 'fanout' }, 'q'],
  ])('%j mean the exchange %j', (options, exchange) => {
    expect(exchangeOf(options)).toBe(exchange);
  });
});

describe('queueDeclaration', () => {
  it('is what amqplib makes of the same options', () => {
    expect(queueDeclaration('orders')).toEqual({ durable: true, exclusive: false, autoDelete: false, arguments: {} });
    const options = {
      durable: false,
      autoDelete: true,
      messageTtl: 1,
      expires: 2,
      deadLetterExchange: '',
      deadLetterRoutingKey: 'dead',
      maxLength: 3,
      maxPriority: 4,
      overflow: 'reject-publish',
      queueMode: 'lazy',
      arguments: { 'x-queue-type': 'classic', 'x-max-length': 9 },
    } as const;
    expect(queueDeclaration('orders', options)).toEqual({
      durable: false,
      exclusive: false,
      autoDelete: true,
      arguments: {
        'x-queue-type': 'classic',
        'x-message-ttl': 1,
        'x-expires': 2,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': 'dead',
        'x-max-length': 3,
        'x-max-priority': 4,
        'x-overflow': 'reject-publish',
        'x-queue-mode': 'lazy',
      },
    });
  });

  it('makes a queue that the broker names exclusive, unless told otherwise', () => {
    expect(queueDeclaration('').exclusive).toBe(true);
    expect(queueDeclaration('', { exclusive: false }).exclusive).toBe(false);
  });
});
