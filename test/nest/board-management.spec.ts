import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Injectable, Module } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  AmqpConsumer,
  AmqpModule,
  bindExchange,
  bindQueue,
  classicQueue,
  headersExchange,
  quorumQueue,
  serverNamedQueue,
  topicExchange,
  type TopologyOptions,
} from 'nest-amqp';
import { ConfigurationError, connect, typed } from 'nest-amqp/client';
import { AmqpBoardModule } from 'nest-amqp/board';
import { topologyDiff } from '../../src/board/terminal/topology-diff.js';
import { freePort } from '../support/free-port.js';
import { startRabbitMq, type RabbitMq } from '../support/rabbitmq.js';
import { startBoard, type RunningBoard, type ShownSnapshot } from './support/board-harness.js';
import { publisherOf, useNest } from './support/nest-harness.js';

type Shown = ShownSnapshot['queues'][0];

describe('the board with a management API', () => {
  const nest = useNest();
  const closings: (() => void)[] = [];

  afterEach(() => {
    for (const close of closings.splice(0)) close();
  });

  /** Resolves with the first snapshot that fits. */
  async function shown(board: RunningBoard, fits: (snapshot: ShownSnapshot) => boolean): Promise<ShownSnapshot> {
    const stream = await board.watch();
    const snapshot = await stream.until<ShownSnapshot>('snapshot', fits);
    stream.close();
    return snapshot;
  }
  const queueOf = ({ queues }: ShownSnapshot, name: string): Shown => queues.find((queue) => queue.name === name)!;

  /** Starts a server in place of the management API. */
  async function fake(answer: RequestListener): Promise<string> {
    const server = createServer(answer).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closings.push(() => server.close().closeAllConnections());
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  describe('of RabbitMQ', () => {
    let rabbit: RabbitMq;
    let management: string;

    beforeAll(async () => {
      const port = await freePort();
      management = `http://guest:guest@127.0.0.1:${port}`;
      rabbit = await startRabbitMq({
        source: 'local',
        plugins: ['rabbitmq_management'],
        config: {
          'management.tcp.ip': '127.0.0.1',
          'management.tcp.port': port,
          // ms; RabbitMQ's default is 5,000.
          collect_statistics_interval: 1_000,
        },
      });
      await rabbit.ctl('add_vhost', 'shop/eu');
      await rabbit.ctl('set_permissions', '-p', 'shop/eu', 'guest', '.*', '.*', '.*');
    });
    afterAll(() => rabbit?.stop());

    it('shows unacked messages and the age of the oldest ready one, for any name and virtual host', async () => {
      const [odd, held] = ['odd |.*(ü)/%+ "\\', 'held'];

      @Injectable()
      class Never {
        @AmqpConsumer(held, { prefetch: 2 })
        onMessage(): Promise<void> {
          return new Promise(() => {});
        }
      }

      const url = `${rabbit.url}/shop%2Feu`;
      const board = await startBoard(nest, {
        providers: [Never],
        amqp: { url, topology: { queues: [classicQueue(odd), quorumQueue(held)] }, gracePeriod: 0 },
        board: { management },
      });
      const timestamp = new Date('2026-11-30T12:00:00Z');
      const publisher = publisherOf(board.app);
      for (let n = 0; n < 3; n++) {
        await publisher.sendToQueue(odd, n, { timestamp: new Date(timestamp.getTime() + n * 60_000) });
        await publisher.sendToQueue(held, n);
      }
      const snapshot = await shown(board, (one) => {
        const isThere = queueOf(one, odd).oldest !== undefined && queueOf(one, held).unacked === 2;
        return isThere && one.management?.problem === undefined;
      });
      expect(queueOf(snapshot, odd)).toMatchObject({ ready: 3, unacked: 0, oldest: timestamp.getTime() });
      expect(queueOf(snapshot, held)).toMatchObject({ ready: 1, unacked: 2, consumers: 1 });
      const amqp = board.read('/amqp/api/parked?connection=default&queue=held');
      expect(JSON.stringify([snapshot, await amqp])).not.toContain('guest');
    });

    it('tells which bindings the broker lacks, and which it has beside', async () => {
      const url = `${rabbit.url}/shop%2Feu`;
      const table = { type: 'order', 'x-match': 'all', level: typed('int32', 3) };
      const topology: TopologyOptions = {
        exchanges: [topicExchange('events'), headersExchange('by-type')],
        queues: [classicQueue('bound'), serverNamedQueue('each')],
        bindings: [
          bindQueue('bound', 'events', 'order.#'),
          bindQueue('bound', 'by-type', '', { arguments: table }),
          bindExchange('by-type', 'events', 'typed'),
          bindQueue('each', 'events', 'all'),
        ],
      };

      @Module({ imports: [AmqpModule.forRoot({ url: 'amqp://nobody.invalid', topology })] })
      class ShopModule {}

      const app = await nest.start({}, { url, topology });
      expect(await topologyDiff(ShopModule, url, { management })).toMatchObject({
        compared: 6,
        bindings: true,
        differences: [],
      });
      expect(await topologyDiff(ShopModule, url)).toMatchObject({ compared: 3, bindings: false, differences: [] });
      await nest.close(app);
      const own = await connect(url);
      const channel = await own.openChannel();
      await channel.queueUnbind('bound', 'events', 'order.#');
      await channel.queueBind('bound', 'events', 'old.key');
      await channel.queueBind('bound', 'amq.topic', 'of.others');
      await own.close();
      const { differences } = await topologyDiff(ShopModule, url, { management });
      expect(differences).toMatchObject([
        { kind: 'binding', difference: 'missing', name: "events to queue bound with 'order.#'" },
        { kind: 'binding', difference: 'extra', name: "events to queue bound with 'old.key'" },
      ]);
      const refused = topologyDiff(ShopModule, url, { management: management.replace('guest:guest', 'guest:s3cret') });
      await expect(refused).rejects.toThrow(
        /^Bindings cannot be compared by the management API: it refuses the credentials/,
      );
    });

    it('says that it refuses the credentials, without them', async () => {
      const wrong = management.replace('guest:guest', 'guest:s3cret');
      const board = await startBoard(nest, {
        amqp: { url: rabbit.url, topology: { queues: [classicQueue('plain')] } },
        board: { management: wrong },
      });
      const { management: state, queues } = await shown(board, (one) => one.management?.problem !== undefined);
      expect(state!.problem).toContain('it refuses the credentials (401)');
      expect(queues).toMatchObject([{ name: 'plain', ready: 0 }]);
      expect(nest.lines.with('management API')).toEqual([
        expect.stringContaining("The management API of connection 'default' tells nothing: it refuses the credentials"),
      ]);
      expect(nest.lines.with('s3cret')).toEqual([]);
    });
  });

  it('asks for its own queues in requests that brokers accept, and shows what it is told of them only', async () => {
    const names = Array.from({ length: 60 }, (_, n) => nest.name(`${'long '.repeat(20)}${n}`));
    const asked: URL[] = [];
    const host = await fake(({ url, headers }, response) => {
      asked.push(new URL(url!, 'http://localhost'));
      const items = [...names, 'other'].map((name) => ({
        name,
        messages_unacknowledged: headers.authorization?.length,
      }));
      response.end(JSON.stringify({ items }));
    });
    const board = await startBoard(nest, {
      amqp: { topology: { queues: names.map((name) => classicQueue(name)) } },
      board: { management: { default: `http://user:p%40ss@${host}/rabbit/` } },
    });
    const { queues } = await shown(board, (one) => one.queues.every(({ unacked }) => unacked !== undefined));
    const login = `Basic ${btoa('user:p@ss')}`;
    expect(queues).toHaveLength(names.length);
    expect(queues.map(({ unacked }) => unacked)).toEqual(names.map(() => login.length));
    expect(asked.length).toBeGreaterThan(1);
    expect(Math.max(...asked.map(({ href }) => href.length))).toBeLessThan(8_000);
    expect(asked[0]!.pathname).toBe('/rabbit/api/queues/%2F');
    const patterns = asked.map(({ searchParams }) => new RegExp(searchParams.get('name')!));
    expect(names.filter((name) => !patterns.some((pattern) => pattern.test(name)))).toEqual([]);
    expect(patterns.some((pattern) => pattern.test('other'))).toBe(false);
  });

  it.each<[string, RequestListener, string]>([
    ['a status', (_, response) => response.writeHead(500).end('broken'), 'it answers with status 500'],
    ['another service', (_, response) => response.end('<html>'), 'is not valid JSON'],
    ['another document', (_, response) => response.end('{"items":5}'), 'its answer is not a list'],
    ['silence', () => {}, 'no answer within 3 s'],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/login' }).end(), 'redirect'],
  ])('shows the reason for %s, and everything else', async (_, answer, reason) => {
    const [queue, host] = [nest.name(), await fake(answer)];
    const board = await startBoard(nest, {
      amqp: { topology: { queues: [classicQueue(queue)] } },
      board: { management: `http://user:s3cret@${host}` },
    });
    const snapshot = await shown(board, (one) => one.management?.problem !== undefined && one.queues[0]!.ready === 0);
    expect(snapshot.management!.problem).toContain(reason);
    expect(JSON.stringify(snapshot)).not.toContain('s3cret');
    expect(nest.lines.with('s3cret')).toEqual([]);
  });

  it('writes a problem to the log once, and again after it was gone', async () => {
    let status = 500;
    let requests = 0;
    const host = await fake((_, response) => {
      requests++;
      response.writeHead(status).end('[]');
    });
    const board = await startBoard(nest, {
      amqp: { topology: { queues: [classicQueue(nest.name())] } },
      board: { management: `http://${host}` },
    });
    const problems: unknown[] = [];
    for (status of [500, 500, 200, 500]) {
      const before = requests;
      const isBroken = status === 500;
      const fits = ({ management }: ShownSnapshot): boolean =>
        requests > before && (management!.problem !== undefined) === isBroken;
      // Each first viewer begins a round.
      problems.push((await shown(board, fits)).management!.problem);
    }
    const told = 'it answers with status 500';
    expect(problems).toEqual([told, told, undefined, told]);
    expect(nest.lines.with(told)).toHaveLength(2);
  });

  it('asks nobody without viewers, and shows no such numbers without the option', async () => {
    let requests = 0;
    const host = await fake((_, response) => {
      requests++;
      response.end('[]');
    });
    const topology = { queues: [classicQueue(nest.name())] };
    const board = await startBoard(nest, { amqp: { topology }, board: { management: `http://${host}` } });
    expect(requests).toBe(0);
    await shown(board, () => requests > 0);
    const without = await startBoard(nest, { amqp: { topology } });
    const snapshot = await shown(without, ({ queues }) => queues[0]!.ready === 0);
    expect(snapshot.management).toBeUndefined();
    expect(snapshot.queues[0]).not.toHaveProperty('unacked');
  });

  it('refuses a wrong URL without repeating it, and an unknown connection', async () => {
    for (const management of ['user:s3cret@host', 'amqp://user:s3cret@host', '', 5, { default: 5 }, ['http://x']]) {
      const given = () => AmqpBoardModule.forRoot({ management: management as string });
      expect(given).toThrow(ConfigurationError);
      expect(given).toThrow(/management(\.default)? must be a URL/);
      expect(given).not.toThrow(/s3cret/);
    }
    const board = startBoard(nest, { board: { management: { audit: 'http://host:15672' } } });
    await expect(board).rejects.toThrow("there is no AMQP connection 'audit'");
  });
});
