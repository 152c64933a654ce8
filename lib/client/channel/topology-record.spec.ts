import { describe, expect, it } from '@jest/globals';
import { typed } from '../../protocol/field-table.js';
import { ConnectionLostError, PreconditionFailedError, TimeoutError } from '../errors.js';
import type { Binding } from './bindings.js';
import { exchangeOf, queueOf, type Entity } from './entity.js';
import { TopologyRecord, type TopologyActions } from './topology-record.js';

const queueOptions = { durable: true, exclusive: false, autoDelete: false, arguments: {} };
const autoDelete = { ...queueOptions, autoDelete: true };

function bindingOf(
  kind: Binding['kind'],
  destination: string,
  source: string,
  args: Binding['arguments'] = {},
): Binding {
  return { kind, destination, source, routingKey: 'k', arguments: args };
}

const nothing: TopologyActions = {
  declareExchange: async () => {},
  declareQueue: async (queue) => ({ queue, consumerCount: 0 }),
  findQueue: async () => undefined,
  bind: async () => {},
  isLocked: () => false,
  renamed: () => {},
  succeeded: () => {},
  failed: () => {},
};

/** Returns the calls that a replay makes, in order. */
async function replayed(record: TopologyRecord, queue?: string, serverNames: string[] = []): Promise<string[]> {
  const log: string[] = [];
  const actions: TopologyActions = {
    declareExchange: async (name) => void log.push(`exchange ${name}`),
    declareQueue: async (name) => {
      log.push(`queue ${name || '(server-named)'}`);
      return { queue: name || serverNames.shift()!, consumerCount: 0 };
    },
    findQueue: async () => undefined,
    bind: async ({ kind, destination, source }) => void log.push(`${source} -> ${kind} ${destination}`),
    isLocked: () => false,
    renamed: (known, name) => void log.push(`${known} is ${name}`),
    succeeded: () => {},
    failed: (entity, error) => void log.push(`${entity}: ${String(error)}`),
  };
  await (queue === undefined ? record.replay(actions) : record.replayOne(actions, queueOf(queue)));
  return log;
}

describe('TopologyRecord', () => {
  it('K1.2 is empty after 100,000 temporary queues', () => {
    const record = new TopologyRecord();
    record.addExchange('x', 'fanout', {});
    for (let index = 0; index < 100_000; index++) {
      const [queue, consumer] = [`amq.gen-${index}`, {}];
      record.addQueue(queue, autoDelete, { serverNamed: true });
      record.addBinding(bindingOf('queue', queue, 'x'));
      record.consumerStarted(queue, consumer);
      record.consumerEnded(queue, consumer);
    }
    record.removeExchange('x');
    expect(record.size).toBe(0);
  });

  it('K1.2 an auto-delete queue goes with the last of its consumers, restored ones counted once', () => {
    const record = new TopologyRecord();
    const [first, second] = [{}, {}];
    record.addQueue('q', autoDelete);
    for (const consumer of [first, second, first]) record.consumerStarted('q', consumer);
    record.consumerEnded('q', first);
    expect(record.hasQueue('q')).toBe(true);
    record.consumerEnded('q', second);
    expect(record.size).toBe(0);
  });

  it('K1.2 other queues stay without consumers, and auto-delete ones that never had any', () => {
    const record = new TopologyRecord();
    record.addQueue('lasting', queueOptions);
    record.consumerStarted('lasting', record);
    record.consumerEnded('lasting', record);
    record.addQueue('new', autoDelete);
    record.consumerEnded('new', record);
    expect([record.hasQueue('lasting'), record.hasQueue('new'), record.size]).toEqual([true, true, 2]);
  });

  it('K1.2 a consumer of a deleted queue does not take its successor along', () => {
    const record = new TopologyRecord();
    record.addQueue('q', autoDelete);
    record.consumerStarted('q', record);
    record.removeQueue('q');
    record.addQueue('q', autoDelete);
    record.consumerEnded('q', record);
    expect(record.hasQueue('q')).toBe(true);
  });

  it('K1.2 auto-delete exchanges go along the bindings, in circles too, and no others', async () => {
    const record = new TopologyRecord();
    for (const name of ['a', 'b', 'unbound']) record.addExchange(name, 'fanout', { autoDelete: true });
    record.addExchange('lasting', 'fanout', { autoDelete: false });
    record.addQueue('q', queueOptions);
    record.addBinding(bindingOf('exchange', 'a', 'b'));
    record.addBinding(bindingOf('exchange', 'b', 'lasting'));
    record.addBinding(bindingOf('exchange', 'b', 'b'));
    record.addBinding(bindingOf('queue', 'q', 'a'));
    record.removeBinding(bindingOf('queue', 'q', 'a', { other: 1 }));
    expect(record.size).toBe(9);
    record.removeExchange('b');
    expect(await replayed(record)).toEqual([
      'exchange a',
      'exchange unbound',
      'exchange lasting',
      'queue q',
      'a -> queue q',
    ]);
    record.removeQueue('q');
    expect(await replayed(record)).toEqual(['exchange unbound', 'exchange lasting']);
  });

  it('K1 bindings differ by their arguments, but not by the order of these', () => {
    const record = new TopologyRecord();
    record.addBinding(bindingOf('queue', 'q', 'x', { a: 1, b: 2n }));
    record.addBinding(bindingOf('queue', 'q', 'x', { a: 1, b: 2 }));
    expect(record.size).toBe(2);
    record.removeBinding(bindingOf('queue', 'q', 'x', { b: 2n, a: 1 }));
    expect(record.size).toBe(1);
  });

  it('K1 attack 4 an unbind whose arguments are equal on the wire leaves nothing to replay', async () => {
    const record = new TopologyRecord();
    record.addBinding(bindingOf('queue', 'q', 'x', { n: 7, big: 2n ** 40n, at: new Date(1_000), none: undefined }));
    const same = { at: new Date(1_500), big: 2 ** 40, n: typed('int32', 7) };
    record.removeBinding(bindingOf('queue', 'q', 'x', same));
    expect(record.size).toBe(0);
    expect(await replayed(record)).toEqual([]);
  });

  it('K1 replays one queue with the auto-delete exchanges that went with it, and nothing else', async () => {
    const record = new TopologyRecord();
    for (const name of ['inner', 'outer']) record.addExchange(name, 'fanout', { autoDelete: true });
    record.addExchange('lasting', 'fanout', {});
    for (const name of ['q', 'other']) record.addQueue(name, queueOptions);
    record.addBinding(bindingOf('queue', 'q', 'inner'));
    record.addBinding(bindingOf('queue', 'other', 'lasting'));
    record.addBinding(bindingOf('exchange', 'inner', 'outer'));
    record.addBinding(bindingOf('exchange', 'outer', 'lasting'));
    expect(await replayed(record, 'q')).toEqual([
      'queue q',
      'exchange inner',
      'exchange outer',
      'inner -> queue q',
      'outer -> exchange inner',
      'lasting -> exchange outer',
    ]);
    expect(await replayed(record, 'unknown')).toEqual([]);
  });

  it('K1.1 waits for a deletion that is under way before it declares the queue again', async () => {
    const record = new TopologyRecord();
    record.addQueue('deleted', queueOptions);
    record.addQueue('refused', queueOptions);
    let deleted = (): void => {};
    let refuse = (_error: Error): void => {};
    const deletion = new Promise<void>((resolve) => {
      deleted = () => (record.removeQueue('deleted'), resolve());
    });
    record.deletingQueue('deleted', deletion);
    record.deletingQueue('refused', new Promise((_, reject) => (refuse = reject)));
    const outcomes = Promise.all([record.deletionOf('deleted'), record.deletionOf('refused')]);
    const log = Promise.all([replayed(record), replayed(record, 'deleted')]);
    deleted();
    refuse(new Error('in use'));
    expect(await log).toEqual([['queue refused'], []]);
    expect(await outcomes).toEqual([true, false]);
    expect(record.deletionOf('deleted')).toBeUndefined();
    expect(record.size).toBe(1);
  });

  it('K1.1 of two deletions under way one that succeeds is enough', async () => {
    const record = new TopologyRecord();
    record.deletingQueue('q', Promise.resolve());
    record.deletingQueue('q', Promise.reject(new Error('lost')));
    expect(await record.deletionOf('q')).toBe(true);
  });

  it('K1.3 either name of a server-named queue is that queue, whatever the losses', async () => {
    const record = new TopologyRecord();
    record.addQueue('first', queueOptions, { serverNamed: true });
    record.addBinding(bindingOf('queue', 'first', 'x'));
    const names = ['second', 'third'];
    expect(await replayed(record, undefined, names)).toEqual([
      'queue (server-named)',
      'first is second',
      'x -> queue second',
    ]);
    expect(await replayed(record, undefined, names)).toEqual([
      'queue (server-named)',
      'first is third',
      'x -> queue third',
    ]);
    expect([record.resolve('first'), record.resolve('third'), record.knownAs('third')]).toEqual([
      'third',
      'third',
      'first',
    ]);
    expect(record.resolve('second')).toBe('second');
    // Declared once more by a name, it is still the broker that names it.
    record.addQueue('third', autoDelete);
    record.addBinding(bindingOf('queue', 'third', 'x'));
    expect(record.size).toBe(3);
    record.consumerStarted('third', record);
    record.consumerEnded('first', record);
    expect([record.size, record.resolve('first')]).toEqual([0, 'first']);
  });

  it('K1.3 two restores of a queue at once take turns: the broker names it once', async () => {
    const [record, log] = [new TopologyRecord(), [] as string[]];
    record.addQueue('first', queueOptions, { serverNamed: true });
    const there = new Set<string>();
    const actions: TopologyActions = {
      ...nothing,
      declareQueue: async () => {
        const queue = `gen-${there.size}`;
        there.add(queue);
        return { queue, consumerCount: 0 };
      },
      findQueue: async (queue) => (there.has(queue) ? { queue, consumerCount: 0 } : undefined),
      renamed: (known, name) => void log.push(`${known} is ${name}`),
    };
    await Promise.all([record.replay(actions), record.replayOne(actions, queueOf('first')), record.replay(actions)]);
    expect([log, record.resolve('first'), there.size]).toEqual([['first is gen-0'], 'gen-0', 1]);
    expect(record.size).toBe(2);
  });

  it('K1.3 a restore that fails gives its turn to the next', async () => {
    const record = new TopologyRecord();
    record.addQueue('q', queueOptions);
    const lost: TopologyActions = {
      ...nothing,
      declareQueue: () => Promise.reject(new Error('lost')),
      failed: (_entity, error) => {
        throw error;
      },
    };
    const [first, log] = await Promise.allSettled([record.replay(lost), replayed(record)]);
    expect(first).toMatchObject({ status: 'rejected', reason: { message: 'lost' } });
    expect(log).toMatchObject({ value: ['queue q'] });
    expect(record.size).toBe(1);
  });

  /** A record that lists the entities that it discards. */
  function discarding(): { record: TopologyRecord; discarded: string[] } {
    const discarded: string[] = [];
    const discard = ({ kind, name }: Entity): void => void discarded.push(`${kind} ${name}`);
    return { record: new TopologyRecord(discard), discarded };
  }

  it.each([
    ['deleted', (record: TopologyRecord) => record.removeQueue('q')],
    ['its last consumer ended', (record: TopologyRecord, consumer: object) => record.consumerEnded('q', consumer)],
  ])('K1.2 what nobody wants any more while it is declared again (%s) is deleted', async (_, end) => {
    const { record, discarded } = discarding();
    const consumer = {};
    record.addQueue('q', autoDelete);
    record.consumerStarted('q', consumer);
    const declareQueue = async (queue: string): Promise<{ queue: string; consumerCount: number }> => {
      end(record, consumer);
      expect(discarded).toEqual([]);
      return { queue, consumerCount: 0 };
    };
    await record.replay({ ...nothing, declareQueue });
    expect([discarded, record.hasQueue('q')]).toEqual([['queue q'], false]);
    record.discarded(queueOf('q'));
    expect(record.size).toBe(0);
  });

  it('K1.2 an auto-delete queue that was declared again for consumers goes with them if none came back', async () => {
    const { record, discarded } = discarding();
    const [back, late] = [{}, {}];
    for (const queue of ['back', 'late']) record.addQueue(queue, autoDelete);
    record.consumerStarted('back', back);
    record.consumerStarted('late', late);
    expect(await replayed(record)).toEqual(['queue back', 'queue late']);
    record.consumerStarted('back', back);
    record.consumerEnded('back', back);
    record.consumerEnded('late', late);
    expect([discarded, record.hasQueue('late')]).toEqual([['queue late'], false]);
    record.discarded(queueOf('late'));
    expect(record.size).toBe(0);
  });

  it('K1.2 an abandoned queue that gets a consumer before it is deleted stays on record, with its name', async () => {
    const { record, discarded } = discarding();
    record.addQueue('first', autoDelete, { serverNamed: true });
    record.consumerStarted('first', record);
    await replayed(record, undefined, ['second']);
    record.consumerEnded('first', record);
    expect([discarded, record.resolve('first')]).toEqual([['queue second'], 'second']);
    record.consumerStarted('first', discarded);
    record.discarded(queueOf('second'));
    expect([record.hasQueue('first'), record.resolve('first')]).toEqual([true, 'second']);
    record.consumerEnded('first', discarded);
    expect([discarded, record.size]).toEqual([['queue second'], 0]);
  });

  it('K1.2 the same, if its last consumer ended while it was declared again', async () => {
    const { record } = discarding();
    record.addQueue('q', autoDelete);
    record.consumerStarted('q', record);
    const declareQueue = async (queue: string): Promise<{ queue: string; consumerCount: number }> => {
      record.consumerEnded('q', record);
      return { queue, consumerCount: 0 };
    };
    await record.replay({ ...nothing, declareQueue });
    record.consumerStarted('q', nothing);
    record.discarded(queueOf('q'));
    expect(record.hasQueue('q')).toBe(true);
  });

  it('K1.2 an abandoned queue that the user declares once more is wanted, also without a consumer', async () => {
    const { record } = discarding();
    record.addQueue('q', autoDelete);
    record.consumerStarted('q', record);
    await replayed(record);
    record.consumerEnded('q', record);
    record.addQueue('q', autoDelete);
    record.discarded(queueOf('q'));
    expect(record.hasQueue('q')).toBe(true);
  });

  it('K1.2 an abandoned queue is not declared again, but deleted on the next connection, with its exchanges', async () => {
    const { record, discarded } = discarding();
    record.addExchange('x', 'fanout', { autoDelete: true });
    record.addQueue('q', autoDelete);
    record.addBinding(bindingOf('queue', 'q', 'x'));
    record.consumerStarted('q', record);
    await replayed(record);
    record.consumerEnded('q', record);
    expect(await replayed(record)).toEqual(['exchange x']);
    expect(await replayed(record, 'q')).toEqual([]);
    expect(discarded).toEqual(['queue q', 'queue q']);
    record.discarded(queueOf('q'));
    expect(discarded.slice(2)).toEqual(['exchange x']);
    record.discarded(exchangeOf('x'));
    expect(record.size).toBe(0);
  });

  it('K1.2 an auto-delete exchange that was declared again goes if no binding from it came back', async () => {
    const { record, discarded } = discarding();
    for (const [queue, exchange] of [
      ['q1', 'back'],
      ['q2', 'late'],
      ['q3', 'taken'],
    ] as const) {
      // prettier-ignore
      record.addExchange(exchange, 'fanout', { autoDelete: true });
      record.addQueue(queue, queueOptions);
      record.addBinding(bindingOf('queue', queue, exchange));
    }
    const bind = async ({ source }: Binding): Promise<void> => {
      if (source !== 'back') throw new PreconditionFailedError('refused');
    };
    await record.replay({ ...nothing, bind });
    expect(discarded).toEqual([]);
    for (const queue of ['q1', 'q2', 'q3']) record.removeQueue(queue);
    expect(discarded).toEqual(['exchange late', 'exchange taken']);
    expect(['back', 'late', 'taken'].map((name) => record.has(exchangeOf(name)))).toEqual([false, false, false]);
    record.addBinding(bindingOf('queue', 'other', 'taken'));
    for (const exchange of ['late', 'taken']) record.discarded(exchangeOf(exchange));
    expect(await replayed(record)).toEqual(['exchange taken', 'taken -> queue other']);
  });

  it('K1.2 an auto-delete exchange without bindings stays on record', async () => {
    const { record, discarded } = discarding();
    record.addExchange('x', 'fanout', { autoDelete: true });
    await replayed(record);
    record.discarded(exchangeOf('x'));
    expect([record.has(exchangeOf('x')), discarded]).toEqual([true, []]);
  });

  it.each([
    ['a declaration that the broker may have carried out', new ConnectionLostError('lost', 'unknown'), ['q']],
    ['a declaration that the broker has not answered', new TimeoutError('late'), ['q']],
    ['a declaration that was never sent', new ConnectionLostError('lost', 'not-sent'), []],
    ['a declaration that the broker has refused', new PreconditionFailedError('other arguments'), []],
  ])('K1.2 deletes an auto-delete queue whose consumers end after %s', async (_, error, expected) => {
    const { record, discarded } = discarding();
    const [before, after] = [{}, {}];
    const declareQueue = (): Promise<never> => {
      record.consumerEnded('before', before);
      return Promise.reject(error);
    };
    record.addQueue('q', autoDelete);
    record.consumerStarted('q', after);
    await record.replay({ ...nothing, declareQueue });
    record.consumerEnded('q', after);
    expect(discarded).toEqual(expected.map((queue) => `queue ${queue}`));
    record.discarded(queueOf('q'));
    expect(record.size).toBe(0);
    // The same, where the consumer ends before it is known that the answer was lost.
    record.addQueue('before', autoDelete);
    record.consumerStarted('before', before);
    await record.replay({ ...nothing, declareQueue });
    expect(discarded.slice(expected.length)).toEqual(expected.map(() => 'queue before'));
    record.discarded(queueOf('before'));
    expect(record.size).toBe(0);
  });
});
