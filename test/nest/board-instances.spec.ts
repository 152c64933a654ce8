import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { AmqpConsumer, AmqpConsumerRegistry, classicQueue, type ConsumerStatus } from 'nest-amqp';
import { AmqpBoardModule } from 'nest-amqp/board';
import { ConfigurationError } from 'nest-amqp/client';
import type { InstanceResult, ShownInstance } from '../../src/board/instances/instances.js';
import { startBoard, type BoardSetup, type RunningBoard, type ShownSnapshot } from './support/board-harness.js';
import { publisherOf, useNest } from './support/nest-harness.js';

const HANDLER = 'Billing.onOrder';

describe('the board of several instances', () => {
  const nest = useNest();

  function startWith(queue: string, setup: BoardSetup = {}, instances = queue): Promise<RunningBoard> {
    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { prefetch: 7, concurrency: 2, retry: { attempts: 1 } })
      onOrder(fine: unknown): void {
        if (fine === false) throw new RangeError('no funds');
      }
    }
    const { amqp = {}, ...more } = setup;
    const topology = { queues: [classicQueue(queue)] };
    const board = { instances, user: () => 'alice' };
    return startBoard(nest, { board, providers: [Billing], ...more, amqp: { topology, ...amqp } });
  }

  const consumerOf = ({ app }: RunningBoard): ConsumerStatus => app.get(AmqpConsumerRegistry).list()[0]!;
  const statesOf = (...boards: RunningBoard[]): string[] => boards.map((board) => consumerOf(board).state);

  /** Resolves with the instances that the board knows, once they fit. */
  async function known(
    board: RunningBoard,
    fits: (all: readonly ShownInstance[]) => boolean,
  ): Promise<readonly ShownInstance[]> {
    const stream = await board.watch();
    const { instances } = await stream.until<ShownSnapshot>('snapshot', (snapshot) => fits(snapshot.instances ?? []));
    stream.close();
    return instances!;
  }
  const knows = (board: RunningBoard, count: number) => known(board, (all) => all.length === count);

  async function everywhere(board: RunningBoard, what: string, queue: string, more: object = {}) {
    const response = await board.change(what, { handler: HANDLER, queue, everywhere: true, ...more });
    expect(response.status).toBe(200);
    const { instances } = (await response.json()) as { instances: InstanceResult[] };
    return instances.sort((one) => (one.own ? -1 : 1));
  }

  it('pauses, resumes and limits a consumer of all instances; one that starts later has its configured limits', async () => {
    const queue = nest.name();
    const [one, other] = [await startWith(queue), await startWith(queue)];
    await knows(one, 2);
    const done = { host: expect.any(String), pid: process.pid, outcome: 'done' };
    expect(await everywhere(one, 'pause', queue)).toEqual([
      { ...done, own: true },
      { ...done, own: false },
    ]);
    expect(statesOf(one, other)).toEqual(['paused', 'paused']);
    await nest.lines.until(`alice paused the consumer ${HANDLER} of queue '${queue}' in all instances: 2 done`);
    expect(nest.lines.with(`) paused the consumer ${HANDLER} of queue '${queue}' in this process`)).toEqual([
      expect.stringMatching(/alice \(on the board of \S+, process \d+\)/),
    ]);

    await everywhere(other, 'adjust', queue, { prefetch: 50, concurrency: 0 });
    for (const board of [one, other]) expect(consumerOf(board)).toMatchObject({ prefetch: 50, concurrency: Infinity });
    expect(statesOf(one, other)).toEqual(['paused', 'paused']);

    const third = await startWith(queue);
    await knows(one, 3);
    expect(consumerOf(third)).toMatchObject({ state: 'consuming', prefetch: 7, concurrency: 2 });
    expect(await everywhere(third, 'resume', queue)).toHaveLength(3);
    expect(statesOf(one, other, third)).toEqual(['consuming', 'consuming', 'consuming']);
  });

  it('shows the instances with the states of their consumers, until they say goodbye', async () => {
    const queue = nest.name();
    const [one, other] = [await startWith(queue), await startWith(queue)];
    await other.change('pause', { handler: HANDLER, queue });
    const all = await known(one, (shown) => shown.length === 2 && shown[1]!.states.paused === 1);
    expect(all).toMatchObject([
      { own: true, pid: process.pid, states: { consuming: 1 }, missed: 0 },
      { own: false, pid: process.pid, states: { paused: 1 }, missed: 0 },
    ]);
    await nest.close(other.app);
    await knows(one, 1);
    expect(await everywhere(one, 'pause', queue)).toMatchObject([{ own: true, outcome: 'done' }]);
  });

  it('asks for a parked queue that did not exist once another instance has parked a message', async () => {
    const queue = nest.name();
    nest.sweep(`${queue}.parked`);
    const [one, other] = [await startWith(queue), await startWith(queue)];
    await knows(one, 2);
    const parked = async (count: number): Promise<void> => {
      const stream = await one.watch();
      await stream.until<ShownSnapshot>('snapshot', ({ queues }) => queues[0]!.parked === count);
      stream.close();
    };
    await parked(0);
    await one.app.get(AmqpConsumerRegistry).pause();
    const told = nest.lines.until('parked in');
    await publisherOf(other.app).sendToQueue(queue, false);
    await told;
    await parked(1);
  });

  it('says which instance has no such consumer, and does not log its name there', async () => {
    const queue = nest.name();
    const one = await startWith(queue);
    const without = await startWith(queue, { providers: [] });
    await knows(without, 2);
    expect(await everywhere(without, 'pause', queue)).toMatchObject([
      { own: true, outcome: 'absent' },
      { own: false, outcome: 'done' },
    ]);
    expect(statesOf(one)).toEqual(['paused']);
  });

  it('works alone, and beside boards that have the feature off', async () => {
    const queue = nest.name();
    const one = await startWith(queue);
    const off = await startWith(queue, { board: {} });
    expect(await everywhere(one, 'pause', queue)).toMatchObject([{ own: true, outcome: 'done' }]);
    expect(statesOf(one, off)).toEqual(['paused', 'consuming']);
    const refused = await off.change('pause', { handler: HANDLER, queue, everywhere: true });
    expect([refused.status, await refused.json()]).toEqual([409, { error: expect.stringContaining('instances') }]);
    const stream = await off.watch();
    expect((await stream.until<ShownSnapshot>('snapshot', () => true)).instances).toBeUndefined();
    stream.close();
  });

  it('says which instance did not answer in time', async () => {
    const queue = nest.name();
    const { proxy, url } = await nest.proxy();
    const [one, hung] = [await startWith(queue), await startWith(queue, { amqp: { url } })];
    await knows(one, 2);
    proxy.stall();
    expect(await everywhere(one, 'pause', queue)).toMatchObject([
      { own: true, outcome: 'done' },
      { own: false, outcome: 'silent' },
    ]);
    await nest.lines.until('in all instances: 1 done, 1 silent (');
    expect(statesOf(one, hung)).toEqual(['paused', 'consuming']);
  });

  it('gets commands again after its connections were lost', async () => {
    const queue = nest.name();
    const { proxy, url } = await nest.proxy();
    const [one, lost] = [await startWith(queue), await startWith(queue, { amqp: { url } })];
    await knows(one, 2);
    proxy.refuse();
    proxy.cut();
    const stream = await lost.watch();
    const all = (state: string) => (snapshot: ShownSnapshot) =>
      snapshot.connections.every((connection) => connection.state === state);
    await stream.until('snapshot', all('reconnecting'));
    await proxy.accept();
    await stream.until('snapshot', all('open'));
    stream.close();
    expect(await everywhere(one, 'pause', queue)).toMatchObject([{ outcome: 'done' }, { outcome: 'done' }]);
    expect(await everywhere(lost, 'resume', queue)).toMatchObject([{ outcome: 'done' }, { outcome: 'done' }]);
  });

  it('ignores what is no command, an unknown command, and an answer to elsewhere; the log has no content', async () => {
    const queue = nest.name();
    const board = await startWith(queue);
    const exchange = `nest-amqp.board.${queue}`;
    await everywhere(board, 'resume', queue);
    const { user } = nest.connection;
    const from = { id: 'intruder', host: 'h', pid: 1, since: 1, version: '0' };
    const pause = { from, by: 'secret-name', command: { kind: 'pause', queue, handler: HANDLER } };
    const replyTo = 'amq.rabbitmq.reply-to.none';
    await nest.channel.queueDeclare(`${queue}-elsewhere`);
    nest.sweep(`${queue}-elsewhere`);
    const complained = nest.lines.until(`The board ignores a message of exchange '${exchange}': it is no command`);
    for (const [body, options] of [
      ['secret-payload', { userId: user, replyTo, correlationId: 'x' }],
      [
        JSON.stringify({ ...pause, command: { kind: 'secret-command' } }),
        { userId: user, replyTo, correlationId: 'x' },
      ],
      [JSON.stringify(pause), { userId: user, replyTo: `${queue}-elsewhere`, correlationId: 'x' }],
      [JSON.stringify(pause), { userId: user, correlationId: 'x' }],
      // The broker lets a client leave its user out.
      [JSON.stringify(pause), { replyTo, correlationId: 'x' }],
    ] as const) {
      await nest.channel.publish(exchange, '', body, options);
    }
    await complained;
    // Commands are handled in order: those of before have been handled, too.
    expect(await everywhere(board, 'resume', queue)).toMatchObject([{ own: true, outcome: 'done' }]);
    expect(statesOf(board)).toEqual(['consuming']);
    expect(await nest.ready(`${queue}-elsewhere`)).toBe(0);
    expect(nest.lines.with('secret')).toEqual([]);
  });

  it('refuses a name that no exchange can have', () => {
    for (const instances of ['', 'x'.repeat(201)]) {
      expect(() => AmqpBoardModule.forRoot({ instances })).toThrow(ConfigurationError);
    }
  });
});
