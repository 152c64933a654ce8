import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { EmbeddedBroker, type BrokerOptions } from '../lib/broker/index.js';
import { connect } from '../lib/client/index.js';

const WRONG: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['heartbeat', { heartbeat: 70_000 }],
  ['channelMax', { channelMax: 70_000 }],
  ['frameMax', { frameMax: 2 ** 33 }],
  ['port', { port: 70_000 }],
  ['clock', { clock: 5 }],
  ['random', { random: {} }],
  ['log', { log: 'x' }],
];

describe('the embedded broker and wrong input', () => {
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  async function start(options: BrokerOptions): Promise<EmbeddedBroker> {
    const broker = await EmbeddedBroker.start(options);
    open.push(broker);
    return broker;
  }

  async function useConnection(broker: EmbeddedBroker): Promise<void> {
    const connection = await connect(broker.url, { reconnect: false });
    open.push(connection);
    await (await connection.openChannel()).queueDeclare('q');
  }

  it.each(WRONG)('refuses the option %s', async (name, options) => {
    await expect(EmbeddedBroker.start(options as BrokerOptions)).rejects.toThrow(RangeError);
    expect(() => EmbeddedBroker.create(options as BrokerOptions)).toThrow(name === 'null' ? 'got null' : name);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('log');
      },
    ],
    ['rejects', () => Promise.reject(new Error('log'))],
  ])('serves its clients although its log %s', async (_, log) => {
    await useConnection(await start({ log: log as () => void }));
  });

  it('writes the error of a watcher to its log, and serves its clients', async () => {
    const lines: string[] = [];
    const broker = await start({ log: (line) => lines.push(line) });
    broker.journal.watch(() => {
      throw new Error('a defect of the test');
    });
    await useConnection(broker);
    expect(lines.join('\n')).toMatch(/internal error: Error: a defect of the test/);
  });

  it('rejects a wait whose function throws, and refuses functions that are none', async () => {
    const broker = await start({});
    const waiting = broker.journal.next('connected', () => {
      throw new Error('a defect of the test');
    });
    await Promise.all([expect(waiting).rejects.toThrow('a defect of the test'), useConnection(broker)]);
    await expect(broker.journal.next('connected', 5 as never)).rejects.toThrow(RangeError);
    expect(() => broker.journal.watch(5 as never)).toThrow('watch: watcher must be a function');
  });

  it.each([null, undefined, 5, Promise.resolve(true)])('refuses the login for the verdict %p', async (verdict) => {
    const broker = await start({ users: () => verdict as never });
    await expect(connect(broker.url, { reconnect: false })).rejects.toThrow(/ACCESS_REFUSED|refused/);
  });

  it('shows no passwords', async () => {
    const broker = await start({ users: { guest: 's3cret' } });
    const shown = `${inspect(broker, { depth: 20 })} ${JSON.stringify(broker)}`;
    expect(shown).toContain('port');
    expect(shown).not.toContain('s3cret');
  });
});
