import { execFile, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { connect, type Channel, type Connection } from 'nest-amqp/client';
import { Database } from '../sample/10-outbox/src/database/database.js';
import { Outbox } from '../sample/10-outbox/src/outbox/outbox.js';
import { Orders } from '../sample/10-outbox/src/shop/orders.js';
import { ShopModule } from '../sample/10-outbox/src/shop/shop.module.js';
import { eventually } from './client/support/client-harness.js';
import { PostgreSql } from './support/postgresql.js';
import { seededRandom } from './support/random.js';
import { sharedRabbit } from './support/shared-broker.js';
import { TcpProxy } from './support/tcp-proxy.js';

const run = promisify(execFile);
const folder = resolve(import.meta.dirname, '../sample/10-outbox');

/** The number of kills of the relay at random instants; `OUTBOX_KILLS=200` for a long run. */
const KILLS = Number(process.env['OUTBOX_KILLS'] ?? 6);
/** Milliseconds until the messages of a killed relay are relayed by the next one, and time to spare. */
const EXPIRY = 60_000;

/** A relay kills itself at an event of its client, before or after the turn in which the bytes leave. */
const POINTS = [
  ['before the message is sent', 'publish', ''],
  ['when the message is sent', 'publish', 'setImmediate'],
  ['when the message is confirmed', 'confirm', ''],
] as const;

let postgres: PostgreSql;
beforeAll(async () => {
  [postgres] = await Promise.all([PostgreSql.start(), run('npm', ['run', 'build'], { cwd: folder })]);
});
afterAll(() => postgres?.stop());

describe.each([
  ['RabbitMQ', () => Promise.resolve({ url: sharedRabbit().url, close: () => Promise.resolve() })],
  ['the embedded broker', () => EmbeddedBroker.start()],
])('sample/10-outbox on %s', (_, startBroker) => {
  let broker: { readonly url: string; close(): Promise<void> };
  let proxy: TcpProxy;
  let env: NodeJS.ProcessEnv;
  let billing: ChildProcess;
  let shop: INestApplicationContext;
  let orders: Orders;
  let database: Database;
  let connection: Connection;
  let channel: Channel;
  const services = new Set<ChildProcess>();
  const taps: string[] = [];

  beforeAll(async () => {
    broker = await startBroker();
    proxy = await TcpProxy.start(Number(new URL(broker.url).port));
    process.env['DATABASE_URL'] = await postgres.createDatabase();
    const { NODE_OPTIONS: __, ...inherited } = process.env;
    env = { ...inherited, NO_COLOR: '1' };
    billing = await start('billing', broker.url);
    shop = await NestFactory.createApplicationContext(ShopModule, { logger: false });
    orders = shop.get(Orders);
    database = shop.get(Database);
    connection = await connect(broker.url);
    channel = await connection.openChannel();
  });

  afterAll(async () => {
    await shop?.close();
    for (const service of services) service.kill('SIGKILL');
    for (const suffix of ['', '.parked']) await channel.queueDelete(`sample-10.billing${suffix}`);
    await channel.exchangeDelete('sample-10.orders');
    await connection?.close();
    await proxy?.[Symbol.asyncDispose]();
    await broker?.close();
  });

  /** Starts a service of the sample in a process of its own; `first` is a module that it loads before. */
  async function start(service: string, url: string, first?: string): Promise<ChildProcess> {
    const child = fork(resolve(folder, 'dist', service, 'main.js'), {
      env: { ...env, AMQP_URL: url },
      execArgv: first ? ['--import', `data:text/javascript,${encodeURIComponent(first)}`] : [],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    // Read by the tests that look at the log.
    child.stdout!.resume();
    services.add(child);
    child.once('exit', () => services.delete(child));
    await once(child, 'message');
    return child;
  }

  async function end(service: ChildProcess): Promise<void> {
    const ended = once(service, 'exit');
    service.disconnect();
    expect(await ended).toEqual([0, null]);
  }

  /** Kills the process unless it has killed itself. */
  async function kill(service: ChildProcess): Promise<void> {
    const ended = service.exitCode === null && service.signalCode === null ? once(service, 'exit') : undefined;
    service.kill('SIGKILL');
    await ended;
  }

  const startRelay = (first?: string): Promise<ChildProcess> => start('relay', `amqp://127.0.0.1:${proxy.port}`, first);
  const place = (id: string): Promise<void> => orders.place({ id, cents: 100 });
  const placeTooExpensive = (id: string): Promise<void> =>
    expect(orders.place({ id, cents: 1_000_000 })).rejects.toThrow('too expensive');

  /** The bills of the orders whose id begins like that, in order. Billing has no unique key, so a second bill would show. */
  async function billed(prefix: string): Promise<string[]> {
    const sql = `SELECT "order" FROM bills WHERE "order" LIKE $1 ORDER BY 1`;
    return (await database.query<{ order: string }>(sql, [`${prefix}%`])).map(({ order }) => order);
  }

  async function allBilled(prefix: string, ids: readonly string[]): Promise<void> {
    await eventually(async () => (await billed(prefix)).length >= ids.length, EXPIRY);
    await settled();
    expect(await billed(prefix)).toEqual([...ids].sort());
  }

  /** Resolves once the outbox has nothing that is to be published, and billing has handled every message. */
  async function settled(): Promise<void> {
    const open = `SELECT 1 FROM shop_outbox.job WHERE name = 'outbox' AND state < 'completed'`;
    await eventually(async () => (await database.query(open)).length === 0, EXPIRY);
    await eventually(async () => (await waiting('sample-10.billing')) === 0);
  }

  async function waiting(queue: string): Promise<number> {
    return (await channel.queueDeclare(queue, { passive: true })).messageCount;
  }

  /** A queue that gets each message that billing gets, until the test ends. */
  async function tap(): Promise<string> {
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    await channel.queueBind(queue, 'sample-10.orders', 'order.placed');
    taps.push(queue);
    return queue;
  }
  afterEach(async () => {
    for (const queue of taps.splice(0)) await channel.queueDelete(queue);
  });

  async function messagesOf(queue: string): Promise<{ id: string | undefined; order: string }[]> {
    const messages: { id: string | undefined; order: string }[] = [];
    for (;;) {
      const message = await channel.basicGet(queue, { noAck: true });
      if (!message) return messages;
      messages.push({ id: message.properties.messageId, order: (message.json() as { id: string }).id });
    }
  }

  describe('with a relay', () => {
    let relay: ChildProcess;
    let log = '';
    beforeAll(async () => {
      relay = await startRelay();
      relay.stdout!.setEncoding('utf8').on('data', (text: string) => (log += text));
    });
    afterAll(() => end(relay));

    it('publishes what is committed once, and nothing of what is rolled back', async () => {
      const queue = await tap();
      await place('once-1');
      await placeTooExpensive('once-2');
      await place('once-3');
      await allBilled('once-', ['once-1', 'once-3']);
      expect((await messagesOf(queue)).map(({ order }) => order).sort()).toEqual(['once-1', 'once-3']);
    });

    it('publishes later what is committed while the broker cannot be reached', async () => {
      proxy.refuse();
      proxy.cut();
      await place('down-1');
      await placeTooExpensive('down-2');
      await place('down-3');
      await eventually(() => log.includes('stays in the outbox'), EXPIRY);
      expect(await billed('down-')).toEqual([]);
      await proxy.accept();
      await allBilled('down-', ['down-1', 'down-3']);
    });

    it('keeps a message that no queue gets, says so, and publishes it once a queue is bound', async () => {
      await channel.queueUnbind('sample-10.billing', 'sample-10.orders', 'order.placed');
      log = '';
      await place('unbound');
      await eventually(() => log.includes('stays in the outbox'), EXPIRY);
      expect(log).toMatch(/Message [0-9a-f-]{36} stays in the outbox: .*312/);
      expect(log).not.toContain('"cents"');
      const sql = `SELECT state::text, output->>'name' AS error FROM shop_outbox.job WHERE data->'payload'->>'id' = 'unbound'`;
      await eventually(async () => (await database.query<{ error: string }>(sql))[0]!.error !== null);
      expect(await database.query(sql)).toEqual([{ state: expect.any(String), error: 'MessageReturnedError' }]);
      await channel.queueBind('sample-10.billing', 'sample-10.orders', 'order.placed');
      await allBilled('unbound', ['unbound']);
    });

    it('publishes the messages of one key in their order, also those of one transaction', async () => {
      const { queue } = await channel.queueDeclare('', { exclusive: true });
      const outbox = shop.get(Outbox);
      const message = (id: string) => ({ exchange: '', routingKey: queue, payload: { id } });
      await database.transaction(async (tx) => {
        for (const id of ['1', '2', '3', '4']) await outbox.add(tx, 'one key', message(id));
      });
      await database.transaction((tx) => outbox.add(tx, 'one key', message('5')));
      await settled();
      expect((await messagesOf(queue)).map(({ order }) => order)).toEqual(['1', '2', '3', '4', '5']);
    });

    it('acknowledges and skips a message that is delivered again', async () => {
      const queue = await tap();
      await place('again');
      await allBilled('again', ['again']);
      const [message] = await messagesOf(queue);
      const options = { messageId: message!.id!, contentType: 'application/json' };
      await channel.publish('sample-10.orders', 'order.placed', JSON.stringify({ id: 'again', cents: 100 }), options);
      await place('again-2');
      await allBilled('again', ['again', 'again-2']);
      expect(await waiting('sample-10.billing')).toBe(0);
    });
  });

  describe('when the relay is killed', () => {
    let queue: string;
    beforeEach(async () => (queue = await tap()));

    it.each(POINTS)('%s, the next relay publishes the message', async (point, event, turn) => {
      const prefix = `${point}-`;
      const die = `process.kill(process.pid, 'SIGKILL')`;
      const onEvent = turn ? `setImmediate(() => setImmediate(() => ${die}))` : die;
      const relay = await startRelay(
        `import { subscribe } from 'node:diagnostics_channel'; subscribe('nest-amqp:${event}', () => ${onEvent});`,
      );
      const killed = once(relay, 'exit');
      await place(`${prefix}1`);
      await placeTooExpensive(`${prefix}2`);
      expect(await killed).toEqual([null, 'SIGKILL']);
      const next = await startRelay();
      await place(`${prefix}3`);
      await allBilled(prefix, [`${prefix}1`, `${prefix}3`]);
      await end(next);
      const copies = (await messagesOf(queue)).filter(({ order }) => order === `${prefix}1`);
      // A relay that dies with the confirm in its hands has published the message, and the next one cannot know it.
      if (!turn) expect(copies).toHaveLength(event === 'confirm' ? 2 : 1);
      expect(new Set(copies.map(({ id }) => id)).size).toBe(1);
    });

    it(`at ${KILLS} random instants, each committed order is billed once`, async () => {
      const seed = Number(process.env['OUTBOX_SEED'] ?? Date.now() % 1_000_000);
      const random = seededRandom(seed);
      const committed: string[] = [];
      const rolledBack: string[] = [];
      for (let round = 1; round <= KILLS; round++) {
        const relay = await startRelay();
        const dying = delay(random() * 250).then(() => kill(relay));
        for (let order = 1; order <= 15; order++) {
          const id = `random-${round}-${order}`;
          if (random() < 0.3) await placeTooExpensive(id).then(() => rolledBack.push(id));
          else await place(id).then(() => committed.push(id));
        }
        await dying;
      }
      const relay = await startRelay();
      await allBilled('random-', committed);
      await end(relay);
      const published = (await messagesOf(queue)).map(({ order }) => order);
      expect(new Set(published)).toEqual(new Set(committed));
      if (process.env['OUTBOX_KILLS']) {
        const twice = published.length - committed.length;
        process.stderr.write(`seed ${seed}: ${KILLS} kills, ${committed.length} committed, `);
        process.stderr.write(`${rolledBack.length} rolled back, ${twice} delivered again and skipped\n`);
      }
    });
  });

  it('has billed no order twice, and none that was rolled back', async () => {
    // Ends after its last handler.
    await end(billing);
    expect(await database.query('SELECT "order" FROM bills GROUP BY 1 HAVING count(*) > 1')).toEqual([]);
    expect(await database.query('SELECT "order" FROM bills WHERE "order" NOT IN (SELECT id FROM orders)')).toEqual([]);
    expect(await database.query('SELECT id FROM orders WHERE id NOT IN (SELECT "order" FROM bills)')).toEqual([]);
  });
});

describe('sample/10-outbox', () => {
  it.each([
    ['RabbitMQ', () => sharedRabbit().url],
    ['its own broker', () => ''],
  ])('prints what is ordered and billed, on %s', async (_, url) => {
    const env = { ...process.env, AMQP_URL: url(), DATABASE_URL: await postgres.createDatabase(), NO_COLOR: '1' };
    const { stdout } = await run(process.execPath, ['dist/main.js'], { cwd: folder, env });
    expect(stdout.replaceAll(/\d+-/g, '')).toBe(
      [
        'the lamp is ordered',
        'order piano is too expensive',
        'the tea is ordered',
        'billed: lamp',
        'billed: tea',
        '',
      ].join('\n'),
    );
  });
});
