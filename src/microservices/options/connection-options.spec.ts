import { describe, expect, it } from '@jest/globals';
import { parseUri } from '../../../lib/client/index.js';
import { connectionOptions } from './connection-options.js';
import type { AmqpTransportOptions } from './transport-options.js';

const urlOf = (urls: AmqpTransportOptions['urls']): string => {
  const given = connectionOptions(urls === undefined ? {} : { urls }, 'server').urls;
  return (Array.isArray(given) ? given[0] : given) as string;
};

describe('connectionOptions', () => {
  it.each([
    ['amqp://host', '/'],
    ['amqp://host/', '/'],
    ['amqp://host/%2F', '/'],
    ['amqp://host/orders', 'orders'],
    ['amqp://host/a%2Fb', 'a/b'],
    ['amqp://host/a/b', 'a/b'],
  ])('takes %s for the vhost %s, as amqplib does', (url, vhost) => {
    expect(parseUri(urlOf([url])).vhost).toBe(vhost);
  });

  it('takes the names of amqplib in the query', () => {
    const uri = 'amqp://user:p%40ss@host:5673/v?heartbeat=7&frameMax=8192&channelMax=0&locale=en_US';
    expect(parseUri(urlOf([uri]))).toMatchObject({
      username: 'user',
      password: 'p@ss',
      port: 5673,
      query: { heartbeat: 7, frameMax: 8192 },
    });
  });

  it('takes a URL in parts', () => {
    const whole = { protocol: 'amqps', hostname: 'host', port: 5679, username: 'a:b', password: 'c@d/e', vhost: 'x/y' };
    expect(parseUri(urlOf([{ ...whole, heartbeat: 3, frameMax: 4096, channelMax: 7, locale: 'en_US' }]))).toMatchObject(
      {
        tls: true,
        host: 'host',
        port: 5679,
        username: 'a:b',
        password: 'c@d/e',
        vhost: 'x/y',
        query: { heartbeat: 3, frameMax: 4096, channelMax: 7 },
      },
    );
    expect(parseUri(urlOf([{}]))).toMatchObject({ tls: false, host: 'localhost', port: 5672, vhost: '/' });
    expect(parseUri(urlOf([{ vhost: '/' }])).vhost).toBe('/');
    expect(parseUri(urlOf([{ hostname: '::1' }])).host).toBe('::1');
  });

  it('refuses an unknown part of a URL, which would leave localhost, and does not repeat the password', () => {
    const wrong = { hostnam: 'broker', password: 'secret' } as never;
    expect(() => urlOf([wrong])).toThrow("urls: unknown option 'hostnam'; did you mean 'hostname'?");
    expect(() => urlOf([wrong])).not.toThrow('secret');
  });

  it('leaves what is no URL for the client to refuse', () => {
    expect(urlOf(['nonsense'])).toBe('nonsense');
  });

  it('has the same default as Transport.RMQ', () => {
    expect(urlOf(undefined)).toBe('amqp://localhost');
  });

  it('finds servers anew each time, and the same rules apply to them', async () => {
    const { urls } = connectionOptions(
      { socketOptions: { findServers: async () => ['amqp://a/', 'amqp://b'] } },
      'client',
    );
    expect(await (urls as () => Promise<string[]>)()).toEqual(['amqp://a/', 'amqp://b']);
  });

  it('translates what amqp-connection-manager and amqplib take', () => {
    const socketOptions = {
      heartbeatIntervalInSeconds: 9,
      reconnectTimeInSeconds: 2,
      noDelay: true,
      clientProperties: { connectionName: 'mine', team: 'billing' },
      connectionOptions: {
        timeout: 1_234,
        ca: 'a certificate',
        noDelay: true,
        keepAlive: true,
        credentials: { mechanism: 'PLAIN', username: 'ada', password: 'secret' },
      },
    };
    expect(connectionOptions({ socketOptions }, 'server')).toEqual({
      urls: 'amqp://localhost',
      connectionName: 'mine',
      heartbeat: 9,
      reconnect: { initialDelay: 2_000, maxDelay: 2_000 },
      connectTimeout: 1_234,
      tls: { ca: 'a certificate' },
      clientProperties: { team: 'billing' },
      credentials: { username: 'ada', password: 'secret' },
    });
  });

  it('logs in with the response of credentials without a username', () => {
    const response = (): Buffer => Buffer.from('\0ada\0secret');
    const socketOptions = { connectionOptions: { credentials: { mechanism: 'PLAIN', response } } };
    const { credentials, mechanisms } = connectionOptions({ socketOptions }, 'server');
    expect(credentials).toBeUndefined();
    expect(mechanisms).toEqual([{ name: 'PLAIN', initialResponse: response }]);
  });

  it('logs in with a certificate where that is said', () => {
    const socketOptions = { connectionOptions: { credentials: { mechanism: 'EXTERNAL' } } };
    expect(connectionOptions({ socketOptions }, 'server').mechanisms).toMatchObject([{ name: 'EXTERNAL' }]);
  });

  it('names the connection after its side and queue, unless it is told', () => {
    expect(connectionOptions({ queue: 'orders' }, 'server').connectionName).toBe('nest-amqp server orders');
    expect(connectionOptions({}, 'client').connectionName).toBe('nest-amqp client');
    expect(connectionOptions({ connectionName: 'billing' }, 'client').connectionName).toBe('billing');
  });

  it('lets the options of the client core win', () => {
    const socketOptions = { heartbeatIntervalInSeconds: 9 };
    expect(connectionOptions({ socketOptions, connection: { heartbeat: 1 } }, 'server').heartbeat).toBe(1);
  });
});
