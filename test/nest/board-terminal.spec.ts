import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AmqpConsumer, classicQueue } from 'nest-amqp';
import { consumers } from '../../cli/board/consumers.js';
import { parked } from '../../cli/board/parked.js';
import { redrive } from '../../cli/board/redrive.js';
import { topology } from '../../cli/board/topology.js';
import { UsageError } from '../../cli/usage-error.js';
import { startBoard, type RunningBoard } from './support/board-harness.js';
import { publisherOf, useNest } from './support/nest-harness.js';

const COMMANDS = { consumers, parked, redrive, topology };

describe('the board in the terminal', () => {
  const nest = useNest();
  let printed = '';

  async function run(command: keyof typeof COMMANDS, ...args: string[]): Promise<0 | 1> {
    printed = '';
    return COMMANDS[command](args, (text) => (printed += text));
  }
  const read = <T>(): T => JSON.parse(printed) as T;

  /** Starts an application whose consumer fails for each message, which is parked. */
  async function startFailing(queue: string): Promise<RunningBoard> {
    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { prefetch: 7, retry: { attempts: 1 } })
      onOrder({ id, fine }: { id: number; fine?: boolean }): void {
        if (fine !== true)
          throw id % 2 === 0 ? new RangeError(`no funds for ${id}`) : new TypeError(`no address for ${id}`);
      }
    }
    nest.sweep(`${queue}.parked`);
    const topologyOptions = { queues: [classicQueue(queue)] };
    return startBoard(nest, { amqp: { topology: topologyOptions }, board: { instances: queue }, providers: [Billing] });
  }

  /** Parks messages and ends the application. */
  async function park(queue: string, count: number): Promise<void> {
    const { app } = await startFailing(queue);
    for (let id = 1; id <= count; id++) {
      const done = nest.lines.until('parked in');
      await publisherOf(app).sendToQueue(queue, { id }, { messageId: `m-${id}` });
      await done;
    }
    await nest.close(app);
  }

  it('shows parked messages in groups, and leaves all of them parked', async () => {
    const queue = nest.name();
    await park(queue, 5);
    expect(await run('parked', nest.rabbit.url, queue)).toBe(0);
    expect(printed).toMatch(/^5 parked, 5 looked at, 5 fit, the first failure at 20\S+Z\n/);
    expect(printed).toMatch(/\n +3 +[0-9a-f]{24} +TypeError +no address for # /);
    expect(printed).toMatch(/\nm-5 +1 +20\S+Z +TypeError: no address for 5\n/);
    expect(await run('parked', queue, nest.rabbit.url, '--search', 'm-4', '--json')).toBe(0);
    expect(read()).toMatchObject({ total: 5, seen: 5, count: 1, messages: [{ messageId: 'm-4', attempts: 1 }] });
    expect(await nest.ready(`${queue}.parked`)).toBe(5);
  });

  it('sends back messages by id, a group, and all', async () => {
    const queue = nest.name();
    await park(queue, 5);
    const { url } = nest.rabbit;
    await run('parked', url, queue, '--json');
    const { groups, messages } = read<{
      groups: { id: string; type: string }[];
      messages: { key: string; messageId: string }[];
    }>();
    const key = messages.find(({ messageId }) => messageId === 'm-2')!.key;
    expect(await run('redrive', url, queue, '--id', 'm-1', '--id', key)).toBe(0);
    expect(printed).toBe(`done: 2 sent to ${queue}, 0 could not be sent, 0 not found\n`);
    expect(await nest.ready(queue)).toBe(2);
    expect(await run('redrive', url, queue, '--id', 'm-1', '--json')).toBe(1);
    expect(read()).toMatchObject({ state: 'done', redriven: 0, missing: 1 });
    const group = groups.find(({ type }) => type === 'RangeError')!.id;
    expect(await run('redrive', url, queue, '--group', group, '--rate', '100', '--json')).toBe(0);
    expect(read()).toMatchObject({ redriven: 1, kept: 2, failed: 0 });
    expect(await run('redrive', url, queue, '--json')).toBe(0);
    expect(read()).toMatchObject({ redriven: 2, kept: 0 });
    expect(await nest.ready(queue)).toBe(5);
  });

  it('says why a redrive of a queue that does not exist ends, in the words of the broker', async () => {
    const queue = nest.name();
    expect(await run('redrive', nest.rabbit.url, queue)).toBe(1);
    expect(printed).toContain('broken: 0 sent');
    expect(printed).toContain('404');
    await expect(run('parked', nest.rabbit.url, queue)).rejects.toThrow('404');
  });

  it('refuses the name of a parked queue', async () => {
    const queue = nest.name();
    await park(queue, 1);
    const own = `give the queue's own name, '${queue}'`;
    await expect(run('parked', nest.rabbit.url, `${queue}.parked`)).rejects.toThrow(own);
    expect(await run('redrive', nest.rabbit.url, `${queue}.parked`)).toBe(1);
    expect(printed).toContain(own);
  });

  it('shows the consumers of each instance, and the instances do not take the terminal for one', async () => {
    const queue = nest.name();
    const board = await startFailing(queue);
    // Answered once the instance hears commands.
    await board.change('resume', { queue, handler: 'Billing.onOrder', everywhere: true });
    expect(await run('consumers', nest.rabbit.url, '--app', queue, '--json')).toBe(0);
    expect(read()).toEqual([
      {
        instance: {
          id: expect.any(String),
          host: expect.any(String),
          pid: process.pid,
          since: expect.any(Number),
          version: expect.any(String),
        },
        consumers: [
          {
            connection: 'default',
            queue,
            handler: 'Billing.onOrder',
            state: 'consuming',
            prefetch: 7,
            concurrency: 0,
            inFlight: 0,
            handled: 0,
            failed: 0,
          },
        ],
      },
    ]);
    expect(await run('consumers', nest.rabbit.url, '--app', queue)).toBe(0);
    expect(printed).toMatch(
      new RegExp(`^INSTANCE .*\n\\S+/${process.pid} +Billing.onOrder +${queue} +consuming +0 +7 +0 +0\n$`),
    );
    expect(await run('parked', nest.rabbit.url, '--app', queue, '--json')).toBe(0);
    expect(read()).toEqual([{ queue, ready: 0, consumers: 1, parked: 0 }]);
    const stream = await board.watch();
    const { instances } = await stream.until<{ instances: object[] }>('snapshot', () => true);
    stream.close();
    expect(instances).toHaveLength(1);
  });

  it('shows what any client may know of a queue', async () => {
    const queue = nest.name();
    await park(queue, 1);
    expect(await run('consumers', nest.rabbit.url, queue)).toBe(0);
    expect(printed).toMatch(new RegExp(`^QUEUE +CONSUMERS +READY +PARKED\n${queue} +0 +0 +1\n$`));
    expect(await run('consumers', nest.rabbit.url, queue, `${queue}-none`, '--json')).toBe(1);
    expect(read()).toEqual([{ queue, ready: 0, consumers: 0, parked: 1 }, { queue: `${queue}-none` }]);
  });

  it('says that no instance answers', async () => {
    await expect(run('consumers', nest.rabbit.url, '--app', nest.name())).rejects.toThrow(/^No instance of '/);
  });

  describe('topology diff', () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(import.meta.dirname, '.topology-'));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    async function moduleWith(queue: string): Promise<string> {
      const file = join(folder, `${queue}.ts`);
      await writeFile(
        file,
        `import { Module } from '@nestjs/common';
import { AmqpModule, bindQueue, classicQueue, quorumQueue, serverNamedQueue, topicExchange } from 'nest-amqp';

@Module({
  imports: [
    AmqpModule.forRoot({
      url: 'amqp://nobody.invalid',
      topology: {
        exchanges: [topicExchange('${queue}')],
        queues: [quorumQueue('${queue}'), classicQueue('${queue}-2'), serverNamedQueue('each')],
        bindings: [bindQueue('${queue}', '${queue}', '#')],
      },
    }),
  ],
})
export class ShopModule {}
`,
      );
      return file;
    }

    it('finds what is missing and what is different, and changes nothing', async () => {
      const queue = nest.name();
      nest.sweep(`${queue}-2`);
      const file = await moduleWith(queue);
      const { url } = nest.rabbit;
      expect(await run('topology', 'diff', file, url, '--json')).toBe(1);
      expect(read()).toMatchObject({
        compared: 3,
        skipped: ['each'],
        differences: [
          { kind: 'exchange', name: queue, difference: 'missing' },
          { kind: 'queue', name: queue, difference: 'missing' },
          { kind: 'queue', name: `${queue}-2`, difference: 'missing' },
        ],
      });
      await nest.channel.exchangeDeclare(queue, 'fanout');
      await nest.channel.queueDeclare(queue, { arguments: { 'x-queue-type': 'quorum' } });
      expect(await run('topology', 'diff', file, url)).toBe(1);
      expect(printed).toContain(`different: exchange ${queue}: 406`);
      expect(printed).toContain(`missing: queue ${queue}-2\n`);
      expect(printed).toContain('3 compared, 2 differ, 1 left out; bindings are not compared\n');
      expect(printed).not.toContain(`queue ${queue}:`);
      await nest.channel.exchangeDelete(queue);
      await nest.channel.exchangeDeclare(queue, 'topic');
      await nest.channel.queueDeclare(`${queue}-2`, { arguments: { 'x-queue-type': 'classic' } });
      expect(await run('topology', 'diff', file, url)).toBe(0);
    });
  });

  describe('usage', () => {
    it.each([
      ['parked', []],
      ['parked', ['a', 'b']],
      ['parked', ['a', '--app', 'x']],
      ['parked', ['a', '--limit', '0']],
      ['parked', ['a', '--limit', '201']],
      ['redrive', []],
      ['redrive', ['a', '--id', 'x', '--group', 'y']],
      ['redrive', ['a', '--rate', 'fast']],
      ['consumers', []],
      ['consumers', ['a', '--app', 'x']],
      ['topology', ['diff']],
      ['topology', ['compare', 'x']],
      ['topology', ['diff', 'nowhere/app.module.js']],
      ['parked', ['a', '--unknown']],
    ] as const)('of %s is refused with %j', async (command, args) => {
      await expect(run(command, 'amqp://guest:secret@localhost', ...args)).rejects.toThrow(UsageError);
      await expect(run(command, 'amqp://guest:secret@localhost', ...args)).rejects.not.toThrow(/secret/);
    });

    it.each(Object.keys(COMMANDS) as (keyof typeof COMMANDS)[])('of %s is told by --help', async (command) => {
      expect(await run(command, '--help')).toBe(0);
      expect(printed).toMatch(new RegExp(`^usage: nest-amqp ${command} `));
    });

    it('takes the URL from AMQP_URL', async () => {
      const before = process.env['AMQP_URL'];
      try {
        delete process.env['AMQP_URL'];
        await expect(run('parked', 'a')).rejects.toThrow('the URL of the broker is missing');
        process.env['AMQP_URL'] = 'http://guest:secret@localhost';
        await expect(run('parked', 'a')).rejects.toThrow('AMQP_URL must begin with amqp:// or amqps://');
        process.env['AMQP_URL'] = nest.rabbit.url;
        expect(await run('consumers', 'amq-nothing')).toBe(1);
      } finally {
        if (before === undefined) delete process.env['AMQP_URL'];
        else process.env['AMQP_URL'] = before;
      }
    });
  });
});
