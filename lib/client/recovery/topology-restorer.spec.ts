import { beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../environment/index.js';
import type { Channel } from '../channel/channel.js';
import type { ChannelHost } from '../channel/channel-host.js';
import { exchangeOf, queueOf } from '../channel/entity.js';
import { TopologyRecord } from '../channel/topology-record.js';
import { NotAllowedError, PreconditionFailedError, ResourceLockedError } from '../errors.js';
import { Deferred } from '../timing/deferred.js';
import { TopologyRestorer } from './topology-restorer.js';

const DURABLE = { durable: true, exclusive: false, autoDelete: false, arguments: {} };
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('TopologyRestorer', () => {
  /** The calls to the broker and the reported events, in order. */
  let log: string[];
  let record: TopologyRecord;
  let restorer: TopologyRestorer;
  /** Opens a scratch channel, or fails to. */
  let open: () => Promise<unknown>;
  let declare: (queue: string) => Promise<unknown>;
  let deleted: Deferred<number>;
  let host: { link: object };
  let stop: AbortController;

  beforeEach(() => {
    log = [];
    deleted = new Deferred<number>();
    stop = new AbortController();
    open = () => Promise.resolve();
    declare = (queue) => Promise.resolve({ queue, messageCount: 0, consumerCount: 0 });
    const scratch = {
      isOpen: true,
      queueDeclare: (queue: string) => {
        log.push(`declare ${queue}`);
        return declare(queue);
      },
      queueDelete: (queue: string) => {
        log.push(`delete ${queue}`);
        return deleted.promise;
      },
      exchangeDeclare: (exchange: string) => {
        log.push(`declare ${exchange}`);
        return Promise.resolve();
      },
      exchangeDelete: (exchange: string) => {
        log.push(`delete ${exchange}`);
        return deleted.promise;
      },
      queueBind: (queue: string, exchange: string) => {
        log.push(`bind ${queue} to ${exchange}`);
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    };
    const options = {
      clock: systemClock,
      random: { next: () => 0, bytes: () => undefined },
      logger: { warn: () => {} },
    };
    const fake = { link: {}, options, restoring: true };
    host = fake;
    const tell = {
      renamed: () => {},
      failed: (entity: string) => void log.push(`failed: ${entity}`),
      restored: (entity: string) => void log.push(`restored: ${entity}`),
    };
    const openScratch = async (): Promise<Channel> => {
      await open();
      return scratch as unknown as Channel;
    };
    record = new TopologyRecord((entity) => restorer.discard(entity));
    restorer = new TopologyRestorer(record, fake as unknown as ChannelHost, openScratch, tell, stop.signal);
  });

  it('discards a queue that nobody has on record', async () => {
    restorer.discard(queueOf('q'));
    deleted.resolve(0);
    await restorer.discarded();
    expect(log).toEqual(['delete q']);
  });

  it('does not discard a queue that a user is declaring in the moment', async () => {
    const declared = new Deferred<void>();
    record.declaring(queueOf('q'), declared.promise);
    restorer.discard(queueOf('q'));
    await tick();
    expect(log).toEqual([]);
    record.addQueue('q', DURABLE);
    declared.resolve();
    await restorer.discarded();
    expect([log, record.size]).toEqual([[], 1]);
  });

  it('discards it after all when that declaration fails', async () => {
    const declared = new Deferred<void>();
    record.declaring(queueOf('q'), declared.promise);
    restorer.discard(queueOf('q'));
    deleted.resolve(0);
    declared.reject(new Error('refused'));
    await restorer.discarded();
    expect([log, record.size]).toEqual([['delete q'], 0]);
  });

  it('declares a queue again that a user has declared while its deletion was under way', async () => {
    restorer.discard(queueOf('q'));
    await tick();
    const declared = new Deferred<void>();
    record.declaring(queueOf('q'), declared.promise);
    deleted.resolve(0);
    record.addQueue('q', DURABLE);
    declared.resolve();
    await restorer.discarded();
    expect(log).toEqual(['delete q', 'declare q']);
  });

  it('keeps a queue on record that gets a consumer while its deletion is under way', async () => {
    record.addQueue('q', { ...DURABLE, autoDelete: true });
    record.consumerStarted('q', log);
    await restorer.replayAll([]);
    record.consumerEnded('q', log);
    await tick();
    record.consumerStarted('q', record);
    deleted.reject(new PreconditionFailedError('406: in use'));
    await restorer.discarded();
    expect([log.slice(0, 2), record.hasQueue('q')]).toEqual([['declare q', 'delete q'], true]);
  });

  it('lets a queue leave the record that others consume', async () => {
    record.addQueue('q', { ...DURABLE, autoDelete: true });
    record.consumerStarted('q', log);
    await restorer.replayAll([]);
    record.consumerEnded('q', log);
    deleted.reject(new PreconditionFailedError('406: in use'));
    await restorer.discarded();
    expect([log, record.size]).toEqual([['declare q', 'delete q'], 0]);
  });

  it('discards an exchange that a user is not declaring in the moment, and declares it again after that', async () => {
    restorer.discard(exchangeOf('x'));
    await tick();
    record.declaring(exchangeOf('x'), Promise.resolve());
    record.addExchange('x', 'fanout', { autoDelete: true });
    record.addBinding({ kind: 'queue', destination: 'q', source: 'x', routingKey: 'k', arguments: {} });
    deleted.resolve(0);
    await restorer.discarded();
    expect(log).toEqual(['delete x', 'declare x', 'bind q to x']);
    restorer.discard(exchangeOf('x'));
    await restorer.discarded();
    expect(log.slice(3)).toEqual([]);
  });

  it('discards it with the next channel that is free, where every one was in use', async () => {
    deleted.resolve(0);
    open = () => Promise.reject(new NotAllowedError('530'));
    restorer.discard(queueOf('q'));
    await restorer.discarded();
    open = () => Promise.resolve();
    restorer.onChannelFree();
    restorer.onChannelFree();
    await restorer.discarded();
    expect(log).toEqual(['failed: the topology', 'delete q']);
  });

  it('tells once on a connection that every channel is in use, also where it discards a queue there first', async () => {
    open = () => Promise.reject(new NotAllowedError('530'));
    record.addQueue('q', DURABLE);
    restorer.discard(queueOf('left'));
    await restorer.discarded();
    await expect(restorer.replayAll([])).rejects.toThrow(NotAllowedError);
    expect(log).toEqual(['failed: the topology']);
    host.link = {};
    await expect(restorer.replayAll([])).rejects.toThrow(NotAllowedError);
    expect(log).toEqual(['failed: the topology', 'failed: the topology']);
  });

  it('tries the bindings of a locked queue only once it is declared', async () => {
    record.addQueue('q', { ...DURABLE, exclusive: true });
    record.addBinding({ kind: 'queue', destination: 'q', source: 'x', routingKey: 'k', arguments: {} });
    declare = () => Promise.reject(new ResourceLockedError('405'));
    await restorer.replayAll([]);
    expect(log).toEqual(['declare q', "failed: queue 'q'"]);
    declare = (queue) => Promise.resolve({ queue, messageCount: 0, consumerCount: 0 });
    while (!log.includes('bind q to x')) await tick();
    expect(log.slice(-3)).toEqual(['declare q', "restored: queue 'q'", 'bind q to x']);
    stop.abort();
  });

  it('tells who waits for a locked queue that every channel is in use, and goes on trying', async () => {
    record.addQueue('q', { ...DURABLE, exclusive: true });
    declare = () => Promise.reject(new ResourceLockedError('405'));
    await restorer.replayAll([]);
    await expect(restorer.replayQueue('q')).rejects.toThrow(ResourceLockedError);
    const tried = new Deferred<void>();
    open = () => {
      tried.resolve();
      return Promise.reject(new NotAllowedError('530'));
    };
    await tried.promise;
    await tick();
    await expect(restorer.replayQueue('q')).rejects.toThrow(NotAllowedError);
    open = () => Promise.resolve();
    declare = (queue) => Promise.resolve({ queue, messageCount: 0, consumerCount: 0 });
    while (!log.includes("restored: queue 'q'")) await tick();
    expect(await restorer.replayQueue('q')).toBe(0);
    stop.abort();
  });
});
