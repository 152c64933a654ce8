import type { INestApplicationContext } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumerRegistry,
  AmqpTopology,
  bindExchange,
  bindQueue,
  classicQueue,
  ConfigurationError,
  ConnectionClosedError,
  ConsumerStartError,
  fixed,
  InvalidConsumerError,
  MessageReturnedError,
  NotFoundError,
  ParkingLot,
  quorumQueue,
  serverNamedQueue,
  topicExchange,
  TopologyError,
  TopologyMismatchError,
  type AmqpContext,
  type BrokerWaitOptions,
} from 'nest-amqp';
import { TimeoutError } from 'nest-amqp/client';
import { of } from 'rxjs';
import { errorOf, eventually } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { publisherOf, useNest } from './support/nest-harness.js';

const nest = useNest();
const registryOf = (app: INestApplicationContext): AmqpConsumerRegistry =>
  app.get(AmqpConsumerRegistry, { strict: false });
const topologyOf = (app: INestApplicationContext): AmqpTopology => app.get(AmqpTopology, { strict: false });

const exists = (queue: string): Promise<boolean> =>
  nest.connection
    .withScratchChannel((channel) => channel.queueDeclare(queue, { passive: true }))
    .then(() => true, () => false); // prettier-ignore

/** Cuts the connections of an application that has connected through the proxy, and waits until it consumes again. */
async function afterLoss(app: INestApplicationContext, cut: () => void): Promise<void> {
  const before = nest.lines.with('reconnected to').length;
  cut();
  await eventually(async () => nest.lines.with('reconnected to').length === before + 2);
  await eventually(async () =>
    registryOf(app)
      .list()
      .every(({ state }) => state === 'consuming'),
  );
}

describe('AmqpConsumerRegistry.add()', () => {
  it('adds a consumer that is listed, paused and resumed, and stopped for good', async () => {
    const queue = nest.name('tenant');
    const app = await nest.start({}, { topology: { queues: [classicQueue(queue)] } });
    const got = new Inbox<unknown>();
    const handle = await registryOf(app).add(
      queue,
      (order: { id: number }, context: AmqpContext) => got.add([order.id, context.queue]),
      { name: 'tenant 7', prefetch: 3 },
    );
    expect(nest.lines.with("Consuming queue '" + queue + "' in tenant 7, prefetch 3")).toHaveLength(1);
    await publisherOf(app).sendToQueue(queue, { id: 1 });
    expect(await got.next()).toEqual([1, queue]);
    const registry = registryOf(app);
    const listed = { handler: 'tenant 7', handlers: ['tenant 7'], queue, connection: 'default', prefetch: 3 };
    expect(registry.list({ queue })).toMatchObject([{ ...listed, state: 'consuming' }]);
    expect(handle.status).toMatchObject({ ...listed, state: 'consuming' });
    await registry.pause({ handler: 'tenant 7' });
    expect(handle.status.state).toBe('paused');
    await handle.resume();
    expect(handle.status.state).toBe('consuming');
    await handle.pause();
    expect(registry.list()).toMatchObject([{ state: 'paused' }]);
    await Promise.all([handle.stop(), handle.stop()]);
    expect(registry.list()).toEqual([]);
    expect(handle.status.state).toBe('stopped');
    expect((await nest.channel.queueDeclare(queue, { passive: true })).consumerCount).toBe(0);
  });

  it('settles messages as other consumers do: retried, parked, awaited, stopped after running handlers', async () => {
    const queue = nest.name('tenant');
    nest.sweep(`${queue}.parked`, `${queue}.retry.50`);
    const app = await nest.start({}, { topology: { queues: [quorumQueue(queue)] } });
    const got = new Inbox<string>();
    const gate = new Inbox<void>();
    const handle = await registryOf(app).add(
      queue,
      async (what: string, { attempt }: AmqpContext) => {
        got.add(`${what} ${attempt}`);
        if (what === 'bad') throw new Error('no funds');
        if (what === 'slow') await gate.next();
        return of(1, 2);
      },
      { retry: { attempts: 2, backoff: fixed(50) } },
    );
    const parked = new Inbox<string>();
    registryOf(app).failures$.subscribe(({ consumer, decision }) => parked.add(`${consumer} ${decision}`));
    await publisherOf(app).sendToQueue(queue, 'bad');
    expect(await got.take(2)).toEqual(['bad 1', 'bad 2']);
    expect(await parked.take(2)).toEqual(['added retry', 'added park']);
    expect(await app.get(ParkingLot, { strict: false }).list(queue)).toHaveLength(1);
    await publisherOf(app).sendToQueue(queue, 'slow');
    await got.next();
    let stopped = false;
    const stopping = handle.stop().then(() => (stopped = true));
    await nest.channel.queueDeclare(queue, { passive: true });
    expect(stopped).toBe(false);
    gate.add();
    await stopping;
    expect(await nest.ready(queue)).toBe(0);
  });

  it('leaves nothing behind if the queue cannot be consumed', async () => {
    const app = await nest.start({});
    const error = await errorOf(registryOf(app).add('nowhere-at-all', function onOrder() {}));
    expect(error).toBeInstanceOf(ConsumerStartError);
    expect(error.message).toContain("onOrder cannot consume from queue 'nowhere-at-all'");
    expect(registryOf(app).list()).toEqual([]);
  });

  it('survives a loss of the connection, together with a queue that was declared at run time', async () => {
    const queue = nest.name('tenant');
    const { proxy, url } = await nest.proxy();
    const app = await nest.start({}, { url });
    await topologyOf(app).declare({ queues: [classicQueue(queue, { durable: false, exclusive: true })] });
    const got = new Inbox<unknown>();
    await registryOf(app).add(queue, (payload: unknown) => got.add(payload));
    await afterLoss(app, () => proxy.cut());
    await publisherOf(app).sendToQueue(queue, 'after the loss');
    expect(await got.next()).toBe('after the loss');
  });

  it.each<[string, unknown[], string]>([
    ['no queue', ['', () => {}], 'AmqpConsumerRegistry.add(): queue must be a string that is not empty'],
    ['no handler', ['q', {}], 'AmqpConsumerRegistry.add(): handler must be a function'],
    ['an unknown option', ['q', () => {}, { prefech: 1 }], "AmqpConsumerRegistry.add(): unknown option 'prefech'; did you mean 'prefetch'?"],
    ['a routing key', ['q', () => {}, { routingKey: 'a' }], "AmqpConsumerRegistry.add(): unknown option 'routingKey'"],
    ['a wrong value', ['q', () => {}, { ack: 'none' }], "added: ack must be 'auto' or 'manual'"],
    ['no name', ['q', () => {}, { name: '' }], 'AmqpConsumerRegistry.add(): name must be a string that is not empty'],
    ['an unknown connection', ['q', () => {}, { connection: 'other' }], "AmqpConsumerRegistry.add('q'): there is no AMQP connection 'other'"],
  ])('refuses %s', async (_, given, message) => {
    const app = await nest.start({});
    const add = registryOf(app).add.bind(registryOf(app)) as (...given: unknown[]) => Promise<unknown>;
    const error = await errorOf(add(...given));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain(message);
    expect(registryOf(app).list()).toEqual([]);
  }); // prettier-ignore

  it('refuses options that exclude each other, and everything once the application shuts down', async () => {
    const queue = nest.name('tenant');
    const app = await nest.start({}, { topology: { queues: [classicQueue(queue)] } });
    const tracked = { ack: 'manual', trackOffset: { name: 'p' } } as const;
    await expect(registryOf(app).add(queue, () => {}, tracked)).rejects.toThrow(InvalidConsumerError);
    const registry = registryOf(app);
    await nest.close(app);
    await expect(registry.add(queue, () => {})).rejects.toThrow(ConnectionClosedError);
    expect(registry.list()).toEqual([]);
  });
});

/** Each method of `AmqpTopology`. */
const CALLS: readonly [string, (topology: AmqpTopology, names: Names, wait: BrokerWaitOptions) => Promise<void>][] = [
  ['declare', (topology, { queue }, wait) => topology.declare({ queues: [classicQueue(queue)] }, wait)],
  ['bind', (topology, { queue, exchange }, wait) => topology.bind(bindQueue(queue, exchange, 'b'), wait)],
  ['unbind', (topology, { queue, exchange }, wait) => topology.unbind(bindQueue(queue, exchange, 'a'), wait)],
  [
    'delete',
    (topology, { queue, exchange }, wait) => topology.delete({ queues: [queue], exchanges: [exchange] }, wait),
  ],
];

interface Names {
  readonly queue: string;
  readonly exchange: string;
}

describe('AmqpTopology', () => {
  it('declares, binds, unbinds and deletes', async () => {
    const [queue, exchange, source] = [nest.name('tenant'), nest.name('events'), nest.name('source')] as const;
    const app = await nest.start({});
    const topology = topologyOf(app);
    const publisher = publisherOf(app);
    await topology.declare({
      exchanges: [topicExchange(exchange), topicExchange(source)],
      queues: [quorumQueue(queue)],
      bindings: [bindQueue(queue, exchange, 'order.*')],
    });
    await publisher.publish(exchange, 'order.created', 1);
    await topology.bind(bindExchange(exchange, source, '#'));
    await publisher.publish(source, 'order.created', 2);
    await topology.unbind(bindExchange(exchange, source, '#'));
    await expect(publisher.publish(source, 'order.created', 3)).rejects.toThrow(MessageReturnedError);
    await topology.unbind([bindQueue(queue, exchange, 'order.*'), bindQueue(queue, exchange, 'never.bound')]);
    await expect(publisher.publish(exchange, 'order.created', 4)).rejects.toThrow(MessageReturnedError);
    await eventually(async () => (await nest.ready(queue)) === 2);
    await topology.delete({ queues: [queue, 'never-declared'], exchanges: [exchange, source] });
    expect(await exists(queue)).toBe(false);
  });

  it('puts what it declares on record, and takes what it deletes off', async () => {
    const [kept, gone, exchange] = [nest.name('kept'), nest.name('gone'), nest.name('events')] as const;
    const given = nest.name('given');
    const { proxy, url } = await nest.proxy();
    const bindings = [bindQueue(given, exchange, 'given')];
    const app = await nest.start(
      {},
      { url, topology: { exchanges: [topicExchange(exchange)], queues: [classicQueue(given)], bindings } },
    );
    const topology = topologyOf(app);
    await topology.declare({
      queues: [classicQueue(kept), classicQueue(gone)],
      bindings: [bindQueue(kept, exchange, 'kept'), bindQueue(kept, exchange, 'unbound'), bindQueue(gone, exchange, 'gone')],
    }); // prettier-ignore
    await topology.unbind(bindQueue(kept, exchange, 'unbound'));
    await topology.delete({ queues: [gone, given] });
    // As a broker does that has lost everything.
    await nest.channel.queueDelete(kept);
    await afterLoss(app, () => proxy.cut());
    const publisher = publisherOf(app);
    await publisher.publish(exchange, 'kept', 1);
    for (const key of ['unbound', 'gone', 'given']) {
      await expect(publisher.publish(exchange, key, 1)).rejects.toThrow(MessageReturnedError);
    }
    expect(await Promise.all([kept, gone, given].map(exists))).toEqual([true, false, false]);
  });

  it('restores a queue of run time that is deleted while it is consumed, with its bindings', async () => {
    const [queue, exchange] = [nest.name('tenant'), nest.name('events')] as const;
    const app = await nest.start({}, { topology: { exchanges: [topicExchange(exchange)] } });
    await topologyOf(app).declare({ queues: [classicQueue(queue)], bindings: [bindQueue(queue, exchange, 'a')] });
    const got = new Inbox<unknown>();
    const { status } = await registryOf(app).add(queue, (payload: unknown) => got.add(payload));
    await nest.channel.queueDelete(queue);
    await eventually(async () => {
      const [now] = registryOf(app).list();
      return now?.state === 'consuming' && now.consumerTag !== status.consumerTag;
    });
    await publisherOf(app).publish(exchange, 'a', 1);
    expect(await got.next()).toBe(1);
  });

  it('restores no queue that it has deleted, and no binding that it has removed', async () => {
    const [gone, kept, exchange] = [nest.name('gone'), nest.name('kept'), nest.name('events')] as const;
    const app = await nest.start({}, { topology: { exchanges: [topicExchange(exchange)] } });
    const topology = topologyOf(app);
    const bindings = [bindQueue(kept, exchange, 'a'), bindQueue(kept, exchange, 'b')];
    await topology.declare({ queues: [classicQueue(gone), classicQueue(kept)], bindings });
    await topology.unbind(bindQueue(kept, exchange, 'b'));
    const handle = await registryOf(app).add(gone, () => {});
    const other = await registryOf(app).add(kept, () => {});
    const { consumerTag } = other.status;
    await topology.delete({ queues: [gone] });
    await nest.channel.queueDelete(kept);
    await eventually(async () => handle.status.error instanceof NotFoundError);
    await eventually(async () => other.status.state === 'consuming' && other.status.consumerTag !== consumerTag);
    expect(handle.status.state).toBe('recovering');
    expect(await exists(gone)).toBe(false);
    await publisherOf(app).publish(exchange, 'a', 1);
    await expect(publisherOf(app).publish(exchange, 'b', 1)).rejects.toThrow(MessageReturnedError);
    await handle.stop();
  });

  it('deletes a server-named queue, and knows the arguments of its queues', async () => {
    const exchange = nest.name('events');
    const app = await nest.start({}, { topology: { exchanges: [topicExchange(exchange)] } });
    const topology = topologyOf(app);
    const queues = [serverNamedQueue('mine')];
    await topology.declare({ queues, bindings: [bindQueue('mine', exchange, 'a')] });
    const got = new Inbox<number>();
    const failing = (_: unknown, { attempt }: AmqpContext): void => {
      got.add(attempt);
      if (attempt === 1) throw new Error('once');
    };
    // Retries of an exclusive queue wait in the process.
    const handle = await registryOf(app).add('mine', failing, { retry: { attempts: 2, backoff: fixed(1) } });
    await publisherOf(app).publish(exchange, 'a', 1);
    expect(await got.take(2)).toEqual([1, 2]);
    await handle.stop();
    await topology.delete({ queues: ['mine'] });
    await expect(publisherOf(app).publish(exchange, 'a', 1)).rejects.toThrow(MessageReturnedError);
    expect((await errorOf(registryOf(app).add('mine', failing))).message).toContain("no queue 'mine'");
  });

  it('reports what the broker refuses, and the rest stays as it was', async () => {
    const queue = nest.name('tenant');
    const app = await nest.start({}, { topology: { queues: [classicQueue(queue)] } });
    const topology = topologyOf(app);
    await expect(topology.declare({ queues: [classicQueue(queue, { maxLength: 5 })] })).rejects.toThrow(TopologyMismatchError);
    const unbound = await errorOf(topology.bind(bindQueue(queue, 'nowhere', 'a')));
    expect(unbound).toBeInstanceOf(TopologyError);
    expect(unbound.message).toContain("exchange 'nowhere'");
    const refused = await errorOf(topology.delete({ exchanges: ['amq.topic'] }));
    expect(refused).toBeInstanceOf(TopologyError);
    expect(refused.message).toContain("Cannot delete exchange 'amq.topic'");
    // A mismatch leaves the definition that was given.
    await nest.channel.queueDelete(queue);
    await topology.declare({ queues: [classicQueue(queue)] });
    expect(await exists(queue)).toBe(true);
  }); // prettier-ignore

  it.each(CALLS)('%s() rejects at its deadline while the broker was never there, and does nothing later', async (method, call) => {
    const [queue, exchange] = [nest.name('tenant'), nest.name('events')] as const;
    const { proxy, url } = await nest.proxy();
    proxy.refuse();
    const app = await nest.start({}, { url, startup: 'background' });
    await eventually(async () => nest.lines.with('ECONNREFUSED').length > 0);
    const error = await errorOf(call(topologyOf(app), { queue, exchange }, { timeout: '20ms' }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toMatch(
      new RegExp(`^AmqpTopology\\.${method}\\(\\): the consuming connection 'default' is connecting \\(.*ECONNREFUSED.*\\), for 20 ms`),
    );
    await proxy.accept();
    await publisherOf(app).publish('', nest.name(), 1, { mandatory: false });
    await topologyOf(app).declare({});
    expect(await exists(queue)).toBe(false);
  }); // prettier-ignore

  it.each(CALLS)('%s() rejects at its deadline, or with the reason of the signal, after a loss', async (method, call) => {
    const [queue, exchange] = [nest.name('tenant'), nest.name('events')] as const;
    const { proxy, url } = await nest.proxy();
    const topology = { exchanges: [topicExchange(exchange)], queues: [classicQueue(queue)] };
    const bindings = [bindQueue(queue, exchange, 'a')];
    const app = await nest.start({}, { url, topology: { ...topology, bindings } });
    proxy.refuse();
    proxy.cut();
    await eventually(async () => nest.lines.with('ECONNREFUSED').length > 0);
    const names = { queue, exchange };
    const error = await errorOf(call(topologyOf(app), names, { timeout: 20 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toContain(`AmqpTopology.${method}(): the consuming connection 'default' is reconnecting (`);
    const stop = new AbortController();
    const stopped = errorOf(call(topologyOf(app), names, { signal: stop.signal }));
    stop.abort(new Error('the request is over'));
    expect((await stopped).message).toBe('the request is over');
    expect((await errorOf(call(topologyOf(app), names, { signal: stop.signal }))).message).toBe('the request is over');
    // The record is as it was: the binding is declared again.
    await nest.channel.queueDelete(queue);
    await proxy.accept();
    await eventually(async () => nest.lines.with('reconnected to').length === 2);
    await publisherOf(app).publish(exchange, 'a', 1);
    expect(await exists(queue)).toBe(true);
  }); // prettier-ignore

  it.each<[string, (topology: AmqpTopology) => Promise<void>, string]>([
    ['a timeout that is none', (topology) => topology.declare({}, { timeout: 'soon' as never }), 'AmqpTopology.declare(): timeout must be milliseconds'],
    ['a signal that is none', (topology) => topology.bind([], { signal: 'stop' as never }), 'AmqpTopology.bind(): signal must be'],
    ['an unknown part', (topology) => topology.declare({ declare: 'verify' } as never), "AmqpTopology.declare(): unknown option 'declare'"],
    ['a queue that is only named', (topology) => topology.declare({ queues: ['tenant'] as never }), 'AmqpTopology.declare(): queues[0] must be made by a builder such as quorumQueue'],
    ['a binding that is only named', (topology) => topology.bind('tenant' as never), 'AmqpTopology.bind(): bindings[0] must be made by a builder such as bindQueue'],
    ['a name that is none', (topology) => topology.delete({ queues: ['a', 5] as never }), 'AmqpTopology.delete(): queues[1] must be a string that is not empty; it is the number 5'],
    ['names that are no list', (topology) => topology.delete({ queues: 'tenant' as never }), 'AmqpTopology.delete(): queues must be an array of names'],
    ['a misspelt part', (topology) => topology.delete({ queue: ['tenant'] } as never), "AmqpTopology.delete(): unknown option 'queue'; did you mean 'queues'?"],
    ['an unknown connection', (topology) => topology.unbind([], { connection: 'other' }), "AmqpTopology.unbind(): there is no AMQP connection 'other'"],
    ['a misspelt target', (topology) => topology.declare({}, { conection: 'x' } as never), "AmqpTopology.declare(): unknown option 'conection'"],
  ])('refuses %s', async (_, work, message) => {
    const app = await nest.start({});
    const error = await errorOf(work(topologyOf(app)));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain(message);
  }); // prettier-ignore

  it.each(['verify', 'none'] as const)('does nothing if the topology says declare: %p', async (declare) => {
    const queue = nest.name('tenant');
    const app = await nest.start({}, { topology: { declare } });
    const declaring = topologyOf(app).declare({ queues: [classicQueue(queue)] });
    await expect(declaring).rejects.toThrow(`AmqpTopology.declare(): the topology of connection 'default' says declare: '${declare}'`);
    expect(await exists(queue)).toBe(false);
  }); // prettier-ignore
});
