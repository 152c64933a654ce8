import { describe, expect, it } from '@jest/globals';
import type net from 'node:net';
import { resolveEndpoints } from '../../lib/client/link/endpoints.js';
import { ConfigurationError, createConnection, TimeoutError } from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';

describe('B2 several hosts', () => {
  const harness = useClientHarness();

  it('B2 shuffled: each host is the first about equally often', async () => {
    const urls = ['amqp://a', 'amqp://b', 'amqp://c'];
    const first: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (let round = 0; round < 3_000; round++) {
      const endpoints = await resolveEndpoints(urls);
      expect(endpoints.map(({ host }) => host).sort()).toEqual(['a', 'b', 'c']);
      first[endpoints[0]!.host]!++;
    }
    for (const count of Object.values(first)) expect(Math.abs(count - 1_000)).toBeLessThan(200);
    expect(urls).toEqual(['amqp://a', 'amqp://b', 'amqp://c']);
  });

  it('B2 skips a host that is down', async () => {
    const [down, up] = [await harness.proxy(), await harness.proxy()];
    down.refuse();
    for (let round = 0; round < 5; round++) {
      const connection = await harness.connect({
        urls: [`amqp://127.0.0.1:${down.port}`, `amqp://127.0.0.1:${up.port}`],
      });
      expect((connection.socket as net.Socket).remotePort).toBe(up.port);
    }
  });

  it('B2 fails over to another host when the current one is lost', async () => {
    const proxies = [await harness.proxy(), await harness.proxy()];
    const connection = await harness.connect({ urls: proxies.map(({ port }) => `amqp://127.0.0.1:${port}`) });
    const port = (connection.socket as net.Socket).remotePort;
    const [used, other] = port === proxies[0]!.port ? proxies : [...proxies].reverse();
    used!.refuse();
    used!.cut();
    await eventOf(connection, 'reconnected');
    expect((connection.socket as net.Socket).remotePort).toBe(other!.port);
  });

  it('B2 a silent host uses up its own deadline, not that of the others', async () => {
    const silent = await harness.server(() => undefined);
    const good = await harness.proxy();
    for (let round = 0; round < 3; round++) {
      await harness.connect({ urls: [silent.url, `amqp://127.0.0.1:${good.port}`], connectTimeout: 300 });
    }
  });

  /** Keeps the hosts in the given order. */
  const unshuffled = { next: () => 0.999_999, bytes: (size: number) => Buffer.alloc(size) };

  it('B2 attack 8 a broker that breaks the handshake is one host that fails: the next is tried, or the same later', async () => {
    const small = await harness.server(async (peer, index) => {
      const tuned = peer.handshake(index < 3 ? { frameMax: 2_048 } : {});
      await tuned.catch(() => undefined);
      await peer.closed;
    });
    const wrong = await harness.server(async (peer) => {
      await peer.header();
      peer.send(0, 'connection.tune', { channelMax: 0, frameMax: 0, heartbeat: 0 });
      await peer.closed;
    });
    const good = await harness.proxy();
    const proposed = `127.0.0.1:${small.port}: the broker proposes a frame-max of 2048 bytes`;
    const sent = `127.0.0.1:${wrong.port}: the broker sent connection.tune where connection.start was expected`;
    await harness.connect({ urls: [small.url, `amqp://127.0.0.1:${good.port}`], random: unshuffled });
    for (const [url, text] of [
      [small.url, proposed],
      [wrong.url, sent],
    ] as const) {
      const error = await errorOf(harness.connect({ urls: url }));
      expect(error).toMatchObject({ name: 'ConnectionError', message: expect.stringContaining(text) });
    }
    const later = createConnection(small.url, { reconnect: { initialDelay: 1, maxDelay: 5 } });
    await later.whenOpen();
    await later.close();
  });

  it('B2 a host that accepts and never answers: the next is tried in parallel, and the slow one is dropped', async () => {
    const abandoned: Promise<unknown>[] = [];
    const silent = await harness.server((peer) => void abandoned.push(peer.closed));
    const good = await harness.proxy();
    const urls = [silent.url, silent.url, `amqp://127.0.0.1:${good.port}`];
    const connection = await harness.connect({ urls, connectTimeout: Infinity, random: unshuffled });
    expect((connection.socket as net.Socket).remotePort).toBe(good.port);
    expect(abandoned).toHaveLength(2);
    await Promise.all(abandoned);
  });

  it('B2 the host that has stopped answering is tried last', async () => {
    const [one, two] = [await harness.proxy(), await harness.proxy()];
    const urls = [one, two].map(({ port }) => `amqp://127.0.0.1:${port}`);
    const connection = await harness.connect({ urls, heartbeat: 1, random: unshuffled });
    const portOf = (): number | undefined => (connection.socket as net.Socket).remotePort;
    expect(portOf()).toBe(one.port);
    // Two heartbeat intervals pass without a byte.
    const [lost, back] = [eventOf<[Error]>(connection, 'disconnected'), eventOf(connection, 'reconnected')];
    one.stall('both');
    expect((await lost)[0].cause).toBeInstanceOf(TimeoutError);
    await back;
    expect(portOf()).toBe(two.port);
  });

  it('B2 when all fail, the error is that of one host', async () => {
    const [one, two] = [await harness.proxy(), await harness.proxy()];
    one.refuse();
    two.refuse();
    const error = await errorOf(
      harness.connect({ urls: [`amqp://127.0.0.1:${one.port}`, `amqp://127.0.0.1:${two.port}`] }),
    );
    expect(error.message).toMatch(new RegExp(`ECONNREFUSED 127.0.0.1:(${one.port}|${two.port})`));
  });

  it('B2 a resolver is called before every round', async () => {
    const [first, second] = [await harness.proxy(), await harness.proxy()];
    let current = first;
    let asked = 0;
    const connection = await harness.connect({
      urls: async () => {
        asked++;
        await Promise.resolve();
        return `amqp://127.0.0.1:${current.port}`;
      },
    });
    expect(asked).toBe(1);
    current = second;
    first.refuse();
    first.cut();
    await eventOf(connection, 'reconnected');
    expect(asked).toBe(2);
    expect((connection.socket as net.Socket).remotePort).toBe(second.port);
  });

  it('B2 a resolver that fails: the error of connect(), and another attempt when reconnecting', async () => {
    const cause = new Error('no records');
    expect(await errorOf(harness.connect({ urls: () => Promise.reject(cause) }))).toBe(cause);
    expect(await errorOf(harness.connect({ urls: [] }))).toBeInstanceOf(ConfigurationError);

    const proxy = await harness.proxy();
    let failures = 0;
    const connection = await harness.connect({
      urls: () => {
        if (failures > 0 && failures-- > 1) throw cause;
        return [`amqp://127.0.0.1:${proxy.port}`];
      },
    });
    failures = 3;
    const failed = eventOf(connection, 'reconnectFailed');
    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    expect((await failed)[0]).toBe(cause);
    await back;
  });
});
