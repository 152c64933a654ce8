import { describe, expect, it } from '@jest/globals';
import { ConfigurationError, connect, NotAllowedError, parseUri, type Endpoint } from '../../lib/client/index.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { errorOf, useClientHarness } from './support/client-harness.js';
import { ScriptedServer, type Peer } from './support/scripted-server.js';

const defaults: Endpoint = {
  tls: false,
  host: 'localhost',
  port: 5672,
  vhost: '/',
  username: undefined,
  password: undefined,
  query: {},
};

describe('B15 the URI of the AMQP specification', () => {
  const harness = useClientHarness();

  // The table of https://www.rabbitmq.com/docs/uri-spec, with further rows.
  it.each<[uri: string, endpoint: Partial<Endpoint>]>([
    ['amqp://user:pass@host:10000/vhost', { username: 'user', password: 'pass', host: 'host', port: 10_000, vhost: 'vhost' }],
    ['amqp://user%61:%61pass@ho%61st:10000/v%2fhost', { username: 'usera', password: 'apass', host: 'hoast', port: 10_000, vhost: 'v/host' }],
    ['amqp://', {}],
    ['amqp://:@/', {}],
    ['amqp://user@', { username: 'user' }],
    ['amqp://user:pass@', { username: 'user', password: 'pass' }],
    ['amqp://host', { host: 'host' }],
    ['amqp://:10000', { port: 10_000 }],
    ['amqp:///vhost', { vhost: 'vhost' }],
    ['amqp://host/', { host: 'host' }],
    ['amqp://host/?vhost=', { host: 'host', vhost: '' }],
    ['amqp://host/ignored?vhost=a%2Fb', { host: 'host', vhost: 'a/b' }],
    ['amqp://host/a/b', { host: 'host', vhost: 'a/b' }],
    ['amqp+ssl://host', { tls: true, host: 'host', port: 5671 }],
    ['amqp+tls://u:p@host:1/v', { tls: true, host: 'host', port: 1, vhost: 'v', username: 'u', password: 'p' }],
    ['amqp://h/?frameMax=8192&channelMax=0&locale=en_US', { host: 'h', query: { frameMax: 8192 } }],
    ['amqp://h?frame_max=0', { host: 'h' }],
    ['amqp://host/%2F', { host: 'host', vhost: '/' }],
    ['amqp://[::1]', { host: '::1' }],
    ['amqp://[fe80::1]:1234/v', { host: 'fe80::1', port: 1234, vhost: 'v' }],
    ['amqps://host', { tls: true, host: 'host', port: 5671 }],
    ['AMQPS://host:1', { tls: true, host: 'host', port: 1 }],
    ['amqp://u:p%40%2F%3A%23%3F%25@h', { username: 'u', password: 'p@/:#?%', host: 'h' }],
    ['amqp://h?heartbeat=7&connection_timeout=1500&channel_max=9&frame_max=8192&auth_mechanism=external',
      { host: 'h', query: { heartbeat: 7, connectionTimeout: 1500, channelMax: 9, frameMax: 8192, authMechanism: 'EXTERNAL' } }],
    ['amqp://h?frame_max=4294967295', { host: 'h', query: { frameMax: 4_294_967_295 } }],
    ['amqp://h/v?heartbeat=0', { host: 'h', vhost: 'v', query: { heartbeat: 0 } }],
  ])('B15 %s', (uri, endpoint) => {
    expect(parseUri(uri)).toEqual({ ...defaults, ...endpoint });
  }); // prettier-ignore

  it.each<[string, string, RegExp]>([
    ['no URI', 'localhost', /amqp:\/\/user:password@host/],
    ['nothing', '', /not an AMQP URI/],
    ['another scheme', 'http://host', /'http:'.*'amqp:' or 'amqps:'/],
    ['a port too high', 'amqp://host:65536', /not an AMQP URI/],
    ['a fragment', 'amqp://user:pa#ss@host', /%23/],
    ['a % that begins nothing', 'amqp://host/100%', /vhost.*%25/],
    ['an unknown parameter', 'amqp://host?heartbeet=1', /heartbeet.*heartbeat/],
    ['a number that is none', 'amqp://host?heartbeat=soon', /heartbeat must be a whole number/],
    ['attack 13 a heartbeat too long', 'amqp://host?heartbeat=70000', /URI's heartbeat .* from 0 to 65535/],
    ['attack 13 a channel-max too high', 'amqp://host?channel_max=70000', /channel_max .* from 1 to 65535/],
    ['attack 13 a frame-max too small', 'amqp://host?frame_max=4095', /frame_max .* from 4096 to 4294967295/],
    ['attack 13 a frame-max too large', 'amqp://host?frameMax=4294967296', /frameMax .* from 4096 to 4294967295/],
    ['attack 13 no time to connect', 'amqp://host?connection_timeout=0', /connection_timeout .* at least 1/],
    ['a question mark in the password', 'amqp://user:12?34@host', /%3F/],
    ['a slash in the password', 'amqp://user:12/34@host', /%2F/],
  ])('B15 %s is an error with a remedy', (_, uri, message) => {
    expect(() => parseUri(uri)).toThrow(ConfigurationError);
    expect(() => parseUri(uri)).toThrow(message);
  });

  it('B15 against the broker: %2F and a single slash name its default vhost, an empty name is refused', async () => {
    const { port } = sharedRabbit();
    await harness.connect({ urls: `amqp://guest:guest@localhost:${port}/%2F` });
    await harness.connect({ urls: `amqp://guest:guest@localhost:${port}` });
    await harness.connect({ urls: `amqp://guest:guest@localhost:${port}/` });
    const error = await errorOf(harness.connect({ urls: `amqp://guest:guest@localhost:${port}/?vhost=` }));
    expect(error).toBeInstanceOf(NotAllowedError);
    expect(error['scope']).toBe('connection');
  });

  it('B15 the parameters reach the negotiation; options override them', async () => {
    const { port } = sharedRabbit();
    const uri = `amqp://localhost:${port}?frame_max=8192&channel_max=1&heartbeat=3`;
    const connection = await harness.connect({ urls: uri });
    expect(connection.frameMax).toBe(8192);
    await connection.openChannel();
    expect(await errorOf(connection.openChannel())).toBeInstanceOf(NotAllowedError);
    const other = await harness.connect({ urls: uri, frameMax: 16_384, channelMax: 2 });
    expect(other.frameMax).toBe(16_384);
    await other.openChannel();
    await other.openChannel();
  });

  it('B15 connection_timeout is the deadline', async () => {
    const server = await harness.server(() => undefined);
    const error = await errorOf(connect(`${server.url}?connection_timeout=40`, { clock: harness.clock }), 2_000);
    expect(error.name).toBe('TimeoutError');
    expect(error.message).toMatch(/40 ms/);
  });

  it('B15 an IPv6 address is connected to', async () => {
    const script = async (peer: Peer): Promise<void> => {
      await peer.handshake();
      peer.agreeToClose();
    };
    const server = await ScriptedServer.start(script, '::1');
    harness.cleanup(() => server.close());
    const connection = await harness.connect({ urls: `amqp://[::1]:${server.port}` });
    expect(connection.state).toBe('open');
  });
});
