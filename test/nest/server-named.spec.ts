import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpContext,
  AmqpModule,
  bindQueue,
  Ctx,
  fixed,
  Payload,
  serverNamedQueue,
  topicExchange,
} from 'nest-amqp';
import { firstValueFrom, take } from 'rxjs';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();

/** Returns the names of the queues that are bound to the exchange. */
async function queuesOf(exchange: string): Promise<string[]> {
  const bindings = await nest.rabbit.ctl('list_bindings', 'source_name', 'destination_name', '--silent');
  return bindings.split('\n').flatMap((line) => (line.startsWith(`${exchange}\t`) ? [line.split('\t')[1]!] : []));
}

function cacheOf(queue: string, exchange: string) {
  const got = new Inbox<{ update: unknown; attempt: number }>();

  @Injectable()
  class Cache {
    @AmqpConsumer(queue, { retry: { attempts: 3, backoff: fixed(20) } })
    onUpdate(@Payload() update: unknown, @Ctx() { attempt }: AmqpContext): void {
      got.add({ update, attempt });
      if (update === 'bad' && attempt < 3) throw new Error('not yet');
    }
  }
  const topology = {
    exchanges: [topicExchange(exchange)],
    queues: [serverNamedQueue(queue)],
    bindings: [bindQueue(queue, exchange, 'product.*')],
  };
  return { Cache, got, topology };
}

describe('A queue that the broker names', () => {
  it('receives messages by its bindings, in each instance, and retries in the process', async () => {
    const [queue, exchange] = [nest.name('cache'), nest.name('products')];
    const instances = [cacheOf(queue, exchange), cacheOf(queue, exchange)];
    const [first] = await Promise.all(
      instances.map(({ Cache, topology }) => nest.start({ providers: [Cache] }, { topology })),
    );
    const names = await queuesOf(exchange);
    expect(names).toEqual([expect.stringMatching(/^amq\.gen-/), expect.stringMatching(/^amq\.gen-/)]);
    await publisherOf(first!).publish(exchange, 'product.changed', 'good');
    await publisherOf(first!).publish(exchange, 'product.changed', 'bad');
    for (const { got } of instances) {
      const all = await got.take(4);
      expect(all).toEqual([
        { update: 'good', attempt: 1 },
        { update: 'bad', attempt: 1 },
        { update: 'bad', attempt: 2 },
        { update: 'bad', attempt: 3 },
      ]);
    }
    // No queue that would outlive the application exists under either name.
    const there = (await nest.rabbit.ctl('list_queues', 'name', '--silent')).split('\n');
    expect(there.filter((name) => [queue, ...names].some((own) => name.startsWith(`${own}.`)))).toEqual([]);
  });

  it('is a new one after a reconnect, bound and consumed', async () => {
    const [queue, exchange] = [nest.name('cache'), nest.name('products')];
    const { Cache, got, topology } = cacheOf(queue, exchange);
    const { proxy, url } = await nest.proxy();
    const connection = { reconnect: { initialDelay: 10 } };
    const app = await nest.start({ imports: [AmqpModule.forRoot({ url, topology, connection })], providers: [Cache] });
    const [before] = await queuesOf(exchange);
    const back = nest.lines.until('(consuming): reconnected');
    proxy.cut();
    await back;
    await publisherOf(app).publish(exchange, 'product.changed', 'good');
    expect(await got.next()).toEqual({ update: 'good', attempt: 1 });
    const after = await queuesOf(exchange);
    expect(after).toHaveLength(1);
    expect(after).not.toContain(before);
  });

  it('is declared anew once when it is deleted, and a later reconnect restores only the new one', async () => {
    const [queue, exchange] = [nest.name('cache'), nest.name('products')];
    const { Cache, got, topology } = cacheOf(queue, exchange);
    const { proxy, url } = await nest.proxy();
    const connection = { reconnect: { initialDelay: 10 } };
    const app = await nest.start({ imports: [AmqpModule.forRoot({ url, topology, connection })], providers: [Cache] });
    const cancelled = firstValueFrom(app.get(AmqpConsumerRegistry).cancels$.pipe(take(1)));
    const again = nest.lines.until(`Consuming queue '${queue}' in Cache.onUpdate again`);
    await nest.rabbit.ctl('delete_queue', (await queuesOf(exchange))[0]!);
    expect(await cancelled).toMatchObject({ queue });
    await again;
    await publisherOf(app).publish(exchange, 'product.changed', 'good');
    await got.next();
    const back = nest.lines.until('(consuming): reconnected');
    proxy.cut();
    await back;
    await publisherOf(app).publish(exchange, 'product.changed', 'good');
    await got.next();
    expect(await queuesOf(exchange)).toHaveLength(1);
  });

  it("is refused with declare: 'verify', with the reason", async () => {
    const [queue, exchange] = [nest.name('cache'), nest.name('products')];
    await nest.channel.exchangeDeclare(exchange, 'topic');
    const { Cache, topology } = cacheOf(queue, exchange);
    await expect(nest.start({ providers: [Cache] }, { topology: { ...topology, declare: 'verify' } })).rejects.toThrow(
      `Queue '${queue}' is named by the broker`,
    );
  });
});
