import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpBatchConsumer,
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpModule,
  InvalidConsumerError,
  Payload,
  streamQueue,
  type AmqpBatchItem,
  type ConsumerOptions,
  type StreamOffsetStore,
} from 'nest-amqp';
import { firstValueFrom, Subject } from 'rxjs';
import { useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();

/** Stores offsets in memory, where a test can see them. */
class MemoryStore implements StreamOffsetStore {
  readonly saved = new Map<string, number>();
  readonly saves = new Inbox<number>();

  async load(name: string): Promise<number | undefined> {
    return this.saved.get(name);
  }

  async save(name: string, offset: number): Promise<void> {
    this.saved.set(name, offset);
    this.saves.add(offset);
  }
}

const append = async (stream: string, ...values: unknown[]): Promise<void> => {
  for (const value of values) {
    await nest.channel.publish('', stream, JSON.stringify(value), { contentType: 'application/json' });
  }
};

/** Declares a stream with the numbers from 0 to `count` - 1, which equal their offsets. */
async function streamOf(count: number): Promise<string> {
  const stream = nest.name('stream');
  const { arguments: args } = streamQueue(stream);
  await nest.channel.queueDeclare(stream, { arguments: args });
  await append(stream, ...Array.from({ length: count }, (_, index) => index));
  return stream;
}

interface Started {
  readonly store?: MemoryStore;
  readonly url?: string;
  readonly handle?: (value: number) => unknown;
}

async function consume(stream: string, options: ConsumerOptions, { store, url, handle }: Started = {}) {
  const got = new Inbox<number>();

  @Injectable()
  class Projection {
    @AmqpConsumer(stream, { concurrency: 1, retry: false, ...options })
    async onEvent(@Payload() value: number): Promise<void> {
      got.add(value);
      await handle?.(value);
    }
  }

  const app = await nest.start({
    imports: [AmqpModule.forRoot({ url: url ?? nest.rabbit.url, topology: { queues: [streamQueue(stream)] } })],
    providers: [Projection, { provide: MemoryStore, useValue: store ?? new MemoryStore() }],
  });
  const untilIdle = async (): Promise<void> => {
    while (app.get(AmqpConsumerRegistry).list()[0]?.inFlight !== 0)
      await new Promise((resolve) => setImmediate(resolve));
  };
  return { app, got, untilIdle };
}

describe('offset', () => {
  it.each<[string, ConsumerOptions['offset'], number]>([
    ["'first'", 'first', 0],
    ['a number', 3, 3],
    ['a point in time', new Date(0), 0],
  ])('begins at %s', async (_, offset, first) => {
    const stream = await streamOf(5);
    const { got } = await consume(stream, { offset: offset! });
    expect(await got.take(5 - first)).toEqual([0, 1, 2, 3, 4].slice(first));
  });

  it("'next', the default, begins with the next message; 'last' with the last chunk", async () => {
    const stream = await streamOf(3);
    const next = await consume(stream, { offset: 'next' });
    const byDefault = await consume(stream, {});
    const last = await consume(stream, { offset: 'last' });
    expect(await last.got.next()).toBeLessThan(3);
    await append(stream, 3);
    expect(await next.got.next()).toBe(3);
    expect(await byDefault.got.next()).toBe(3);
  });

  it('continues at its position after a reconnect, not at the beginning', async () => {
    const stream = await streamOf(3);
    const { proxy, url } = await nest.proxy();
    const { got, untilIdle } = await consume(stream, { offset: 'first' }, { url });
    expect(await got.take(3)).toEqual([0, 1, 2]);
    await untilIdle();
    proxy.cut();
    await nest.lines.until('(consuming): reconnected');
    await append(stream, 3);
    expect(await got.next()).toBe(3);
  });

  it('continues at its position after a pause', async () => {
    const stream = await streamOf(2);
    const { app, got, untilIdle } = await consume(stream, { offset: 'first' });
    expect(await got.take(2)).toEqual([0, 1]);
    await untilIdle();
    await app.get(AmqpConsumerRegistry).pause();
    await append(stream, 2);
    await app.get(AmqpConsumerRegistry).resume();
    expect(await got.next()).toBe(2);
  });
});

describe('trackOffset', () => {
  it('continues after the last handled message at a restart, stored in RabbitMQ', async () => {
    const stream = await streamOf(3);
    const options: ConsumerOptions = { offset: 'first', trackOffset: { name: 'projection' } };
    try {
      const first = await consume(stream, options);
      expect(await first.got.take(3)).toEqual([0, 1, 2]);
      await nest.close(first.app);
      await append(stream, 3, 4);
      const second = await consume(stream, options);
      expect(await second.got.take(2)).toEqual([3, 4]);
      await nest.close(second.app);
      // The third start follows a run without messages: the offset is still stored.
      await append(stream, 5);
      const third = await consume(stream, options);
      expect(await third.got.next()).toBe(5);
      await nest.close(third.app);
      expect(await nest.ready(`${stream}.offset.projection`)).toBe(1);
    } finally {
      await nest.channel.queueDelete(`${stream}.offset.projection`);
    }
  });

  it('is saved in a user’s store while the consumer runs', async () => {
    const stream = await streamOf(3);
    const store = new MemoryStore();
    const options: ConsumerOptions = {
      offset: 'first',
      trackOffset: { name: 'mine', store: MemoryStore, interval: '5ms' },
    };
    await consume(stream, options, { store });
    while ((await store.saves.next()) < 2);
    expect(store.saved).toEqual(new Map([['mine', 2]]));
  });

  it('advances past a message once all earlier ones are handled: none is skipped', async () => {
    const stream = await streamOf(3);
    const store = new MemoryStore();
    const gate = new Subject<void>();
    const options: ConsumerOptions = {
      offset: 'first',
      concurrency: 3,
      trackOffset: { name: 'mine', store: MemoryStore, interval: 1 },
    };
    const handle = (value: number) => (value === 1 ? firstValueFrom(gate) : undefined);
    const { got } = await consume(stream, options, { store, handle });
    expect(await got.take(3)).toEqual([0, 1, 2]);
    expect(await store.saves.next()).toBe(0);
    gate.next();
    expect(await store.saves.next()).toBe(2);
  });

  it('works for batches', async () => {
    const stream = await streamOf(4);
    const store = new MemoryStore();
    const got = new Inbox<unknown[]>();

    @Injectable()
    class Projection {
      @AmqpBatchConsumer(stream, {
        size: 2,
        maxWait: '1h',
        offset: 'first',
        trackOffset: { name: 'mine', store: 'store', interval: 1 },
      })
      onEvents(items: AmqpBatchItem[]): void {
        got.add(items.map(({ payload }) => payload));
      }
    }

    await nest.start(
      { providers: [Projection, { provide: 'store', useValue: store }] },
      { topology: { queues: [streamQueue(stream)] } },
    );
    expect(await got.take(2)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    while ((await store.saves.next()) < 3);
  });

  it('continues when an offset cannot be saved, and logs the failure', async () => {
    const stream = await streamOf(2);
    const store = new MemoryStore();
    store.save = async () => Promise.reject(new Error('disk full'));
    const options: ConsumerOptions = {
      offset: 'first',
      trackOffset: { name: 'mine', store: MemoryStore, interval: 1 },
    };
    const { app, got } = await consume(stream, options, { store });
    expect(await got.take(2)).toEqual([0, 1]);
    expect(await nest.lines.until('could not be saved')).toBe(
      "WARN The offset of 'mine' could not be saved: Error: disk full. It is tried again.",
    );
    await nest.close(app);
  });

  it('fails the start when the store cannot be read', async () => {
    const stream = await streamOf(0);
    const store = new MemoryStore();
    store.load = async () => Promise.reject(new Error('no disk'));
    const starting = consume(stream, { trackOffset: { name: 'mine', store: MemoryStore } }, { store });
    await expect(starting).rejects.toThrow(`cannot consume from queue '${stream}': no disk`);
  });

  it("is refused together with ack: 'manual'", async () => {
    const starting = consume(await streamOf(0), { ack: 'manual', trackOffset: { name: 'mine' } });
    await expect(starting).rejects.toThrow(InvalidConsumerError);
  });

  it('creates no queue with declare: none, and names the missing one', async () => {
    const stream = await streamOf(0);

    @Injectable()
    class Projection {
      @AmqpConsumer(stream, { retry: false, trackOffset: { name: 'mine' } })
      onEvent(): void {}
    }

    await nest.channel.queueDeclare(`${stream}.parked`);
    try {
      const starting = nest.start(
        { providers: [Projection] },
        { topology: { declare: 'none', queues: [streamQueue(stream)] } },
      );
      await expect(starting).rejects.toThrow(`${stream}.offset.mine`);
    } finally {
      await nest.channel.queueDelete(`${stream}.parked`);
    }
  });
});
