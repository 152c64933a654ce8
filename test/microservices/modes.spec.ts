import { Controller, type Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RmqRecordBuilder } from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, lastValueFrom, scan, startWith, NEVER, take, toArray, type Observable } from 'rxjs';
import { AmqpClientProxy, AmqpRecordBuilder, AmqpRpcContext, AmqpServer } from 'nest-amqp/microservices';
import { MessageReturnedError } from 'nest-amqp/client';
import { TopologyMismatchError } from 'nest-amqp';
import { matchesTopic } from '../../src/common/topic-pattern.js';
import { errorOf, eventually } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { SIDES, useMicro } from './support/micro-harness.js';

const harness = useMicro();

/** Returns a service that answers with its own id. */
function service(id: string, seen = new Inbox<unknown>()): { controller: Type; seen: Inbox<unknown> } {
  @Controller()
  class Service {
    @MessagePattern('who')
    who(): string {
      return id;
    }

    @MessagePattern('endless')
    endless(): Observable<number> {
      return NEVER.pipe(startWith(1));
    }

    @EventPattern('told')
    told(@Payload() data: unknown): void {
      seen.add([id, data]);
    }
  }
  return { controller: Service, seen };
}

describe('A shared queue', () => {
  it('is shared by all of its servers, each message handled by one', async () => {
    const queue = harness.name();
    const seen = new Inbox<unknown>();
    for (const id of ['a', 'b']) await harness.serve([service(id, seen).controller], { queue, prefetchCount: 1 });
    const client = harness.client({ queue });
    const ids = await Promise.all(Array.from({ length: 20 }, () => firstValueFrom(client.send<string>('who', {}))));
    expect(new Set(ids)).toEqual(new Set(['a', 'b']));
    for (let n = 0; n < 10; n++) client.emit('told', n);
    const told = (await seen.take(10)) as [string, number][];
    expect(told.map(([, n]) => n).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('is declared like by amqplib: both transports share it', async () => {
    const queue = harness.name();
    const options = {
      queue,
      queueOptions: { durable: true, messageTtl: 60_000, maxPriority: 5, arguments: { 'x-expires': 600_000 } },
    };
    await harness.serve([service('ours').controller], options);
    await harness.serve([service("Nest's").controller], options, "Nest's");
    for (const side of SIDES) {
      expect(['ours', "Nest's"]).toContain(await firstValueFrom(harness.client(options, side).send('who', {})));
    }
  });

  it('that exists with other arguments fails the start, and the error names the difference', async () => {
    const queue = harness.name();
    await harness.channel.queueDeclare(queue, { arguments: { 'x-message-ttl': 1_000 } });
    const app = await harness.create({ controllers: [service('a').controller] }, { queue });
    const error = await errorOf<TopologyMismatchError>(app.listen());
    expect(error).toBeInstanceOf(TopologyMismatchError);
    expect(error).toMatchObject({ argument: 'x-message-ttl', actual: '1000' });
    expect(await errorOf(firstValueFrom(harness.client({ queue }).send('who', {})))).toBeInstanceOf(
      TopologyMismatchError,
    );
  });

  it('is used unchanged with noAssert, and must exist', async () => {
    const queue = harness.name();
    const missing = await harness.create({ controllers: [service('a').controller] }, { queue, noAssert: true });
    expect(await errorOf(missing.listen())).toMatchObject({ replyCode: 404 });
    await harness.channel.queueDeclare(queue, { arguments: { 'x-max-length': 7 } });
    await harness.serve([service('a').controller], { queue, queueOptions: { noAssert: true } });
    expect(await firstValueFrom(harness.client({ queue, noAssert: true }).send('who', {}))).toBe('a');
    // The server declares no further queue.
    expect(await errorOf(harness.ready(`${queue}.parked`))).toMatchObject({ replyCode: 404 });
  });

  it('may be a quorum queue', async () => {
    const queue = harness.name();
    const options = { queue, queueOptions: { arguments: { 'x-queue-type': 'quorum' } } };
    await harness.serve([service('a').controller], options);
    expect(await firstValueFrom(harness.client(options).send('who', {}))).toBe('a');
  });
});

describe('An exchange', () => {
  it.each(['direct', 'topic'])('of type %s feeds the queue by the routing key', async (exchangeType) => {
    const [queue, exchange] = [harness.name(), harness.name('exchange')];
    const { controller, seen } = service('a');
    await harness.serve([controller], { queue, exchange, exchangeType, routingKey: 'orders.new' });
    const body = JSON.stringify({ pattern: 'told', data: 1 });
    await harness.channel.publish(exchange, 'orders.new', body, { mandatory: true });
    expect(await seen.next()).toEqual(['a', 1]);
    expect(await errorOf(harness.channel.publish(exchange, 'other', body, { mandatory: true }))).toBeInstanceOf(
      MessageReturnedError,
    );
    // Clients continue to send to the queue.
    expect(await firstValueFrom(harness.client({ queue, exchange, exchangeType }).send('who', {}))).toBe('a');
  });

  it.each(SIDES)('of type fanout gives every service a copy, from the client that is %s', async (side) => {
    const exchange = harness.name('fanout');
    const options = { queue: '', exchange, exchangeType: 'fanout', queueOptions: { exclusive: true } };
    const seen = new Inbox<unknown>();
    await harness.serve([service('a', seen).controller], options);
    await harness.serve([service('b', seen).controller], { queue: '', exchange, exchangeType: 'fanout' });
    await harness.serve([service('c', seen).controller], options, "Nest's");
    const client = harness.client(options, side);
    await lastValueFrom(client.emit('told', 1));
    expect((await seen.take(3)).toSorted()).toEqual([['a', 1], ['b', 1], ['c', 1]]); // prettier-ignore
  });

  it('of type fanout lets all services answer one request: Nest’s broadcast', async () => {
    const exchange = harness.name('fanout');
    const options = { exchange, exchangeType: 'fanout' };
    await harness.serve([service('a').controller], options);
    await harness.serve([service('b').controller], options);
    const sums = harness.client(options).send<number>('endless', {});
    expect(await lastValueFrom(sums.pipe(scan((a, b) => a + b), take(2)))).toBe(2); // prettier-ignore
  });

  it('leaves no server-named queue', async () => {
    const exchange = harness.name('fanout');
    const app = await harness.serve([service('a').controller], { exchange, exchangeType: 'fanout' });
    await app.close();
    const body = JSON.stringify({ pattern: 'told', data: 1 });
    expect(await errorOf(harness.channel.publish(exchange, '', body, { mandatory: true }))).toBeInstanceOf(
      MessageReturnedError,
    );
  });
});

describe('Wildcards', () => {
  const PATTERNS = ['order.*', 'order.#.paid', '#.audit', '*.*.eu', 'stock.#', 'exact'] as const;

  function topicService(seen = new Inbox<unknown>()) {
    @Controller()
    class Service {
      @MessagePattern('order.*')
      one(@Ctx() context: AmqpRpcContext): unknown {
        return ['order.*', context.getPattern()];
      }

      @MessagePattern('order.#.paid')
      inner(): unknown {
        return ['order.#.paid'];
      }

      @MessagePattern('#.audit')
      first(): unknown {
        return ['#.audit'];
      }

      @MessagePattern('*.*.eu')
      words(): unknown {
        return ['*.*.eu'];
      }

      // Nest's types allow a typed event context only for patterns of any type.
      @EventPattern<string>('stock.#')
      last(@Payload() data: unknown, @Ctx() context: AmqpRpcContext): void {
        seen.add([context.getPattern(), data]);
      }

      @MessagePattern('exact')
      exact(): unknown {
        return ['exact'];
      }
    }
    return { controller: Service, seen };
  }

  it.each(SIDES)('reach the handler whose pattern the key matches, from the client that is %s', async (side) => {
    const options = { queue: harness.name('topic'), wildcards: true };
    const { controller, seen } = topicService();
    await harness.serve([controller], options);
    const client = harness.client(options, side);
    const answer = (pattern: string): Promise<unknown> => firstValueFrom(client.send(pattern, {}));
    expect(await answer('order.created')).toEqual(['order.*', 'order.created']);
    expect(await answer('order.1.2.3.paid')).toEqual(['order.#.paid']);
    expect(await answer('a.b.c.audit')).toEqual(['#.audit']);
    expect(await answer('audit')).toEqual(['#.audit']);
    expect(await answer('a.b.eu')).toEqual(['*.*.eu']);
    expect(await answer('exact')).toEqual(['exact']);
    for (const key of ['stock', 'stock.a', 'stock.a.b']) await lastValueFrom(client.emit(key, key));
    expect(await seen.take(3)).toEqual([
      ['stock', 'stock'],
      ['stock.a', 'stock.a'],
      ['stock.a.b', 'stock.a.b'],
    ]);
  });

  it('without a match fail the request at once', async () => {
    const options = { queue: harness.name('topic'), exchange: harness.name('topics'), wildcards: true };
    await harness.serve([topicService().controller], options);
    const client = harness.client(options);
    expect(await errorOf(firstValueFrom(client.send('nobody.hears.this', {})))).toBeInstanceOf(MessageReturnedError);
    expect(await errorOf(lastValueFrom(client.emit('nobody', {})))).toBeInstanceOf(MessageReturnedError);
  });

  it.each([
    ['256 bytes of words', 'a'.repeat(256)],
    ['256 bytes that are 128 characters', 'ä'.repeat(128)],
    ['2 MB of dots', '.'.repeat(2_000_000)],
  ])('N4.5 match no pattern of %s, since no routing key is that long', async (_, pattern) => {
    const options = { queue: harness.name('topic'), wildcards: true };

    @Controller()
    class Everything {
      @MessagePattern('#')
      any(): string {
        return 'handled';
      }
    }

    await harness.serve([Everything], options);
    const client = harness.client({ queue: options.queue });
    expect(await firstValueFrom(client.send('a'.repeat(255), {}))).toBe('handled');
    expect(await errorOf(firstValueFrom(client.send(pattern, {})))).toBe(
      'There is no matching message handler defined in the remote service.',
    );
  });

  it('use the routing key as the pattern of a message that is not a Nest packet', async () => {
    const options = { queue: harness.name('topic'), wildcards: true };
    const { controller, seen } = topicService();
    await harness.serve([controller], options);
    await harness.channel.publish(options.queue, 'stock.42', JSON.stringify({ sku: 42 }), { mandatory: true });
    expect(await seen.next()).toEqual(['stock.42', { sku: 42 }]);
  });

  it('match like at the broker', async () => {
    const keys = ['', 'order', 'order.', 'order.a', 'order.a.b', 'order.paid', 'order.a.b.paid', 'a.b.eu', 'a..eu', '.', 'audit', 'a.audit', 'stock', 'stock.a.b.c', 'exact', 'EXACT']; // prettier-ignore
    const exchange = harness.name('topics');
    await harness.channel.exchangeDeclare(exchange, 'topic');
    for (const pattern of [...PATTERNS, '#', '*', '#.*', '*.#', '#.#', 'order.*.#', '', '*.', '.*']) {
      const queue = harness.name('probe');
      await harness.channel.queueDeclare(queue);
      await harness.channel.queueBind(queue, exchange, pattern);
      const routed = await Promise.all(
        keys.map((key) =>
          harness.channel.publish(exchange, key, key, { mandatory: true }).then(
            () => true,
            () => false,
          ),
        ),
      );
      await harness.channel.queueUnbind(queue, exchange, pattern);
      expect([pattern, routed]).toEqual([pattern, keys.map((key) => matchesTopic(pattern, key))]);
    }
  });
});

describe('Messages', () => {
  async function listening(options: ConstructorParameters<typeof AmqpClientProxy>[0] = {}) {
    const queue = harness.name();
    await harness.channel.queueDeclare(queue);
    return { queue, client: harness.client({ queue, ...options }) };
  }

  it('that are events are persistent, and requests are not, unless `persistent` says otherwise', async () => {
    const { queue, client } = await listening();
    await lastValueFrom(client.emit('told', 1));
    expect((await harness.channel.basicGet(queue))!.properties.deliveryMode).toBe(2);
    const waits = client.send('who', {}).subscribe({ error: () => {} });
    const request = await eventually(() => harness.channel.basicGet(queue));
    expect(request.properties.deliveryMode).toBe(1);
    waits.unsubscribe();
    const transient = harness.client({ queue, persistent: false });
    await lastValueFrom(transient.emit('told', 1));
    expect((await harness.channel.basicGet(queue))!.properties.deliveryMode).toBe(1);
  });

  it('apply all options of a record', async () => {
    const { queue, client } = await listening({ headers: { a: '1', b: '1' } });
    const copies = harness.name('copies');
    await harness.channel.queueDeclare(copies);
    const timestamp = new Date('2026-01-02T03:04:05Z');
    const record = new AmqpRecordBuilder({ id: 7 })
      .setOptions({
        headers: { b: '2' },
        priority: 4,
        expiration: 60_000,
        messageId: 'm',
        contentType: 'application/json',
      })
      .setOptions({ type: 't', appId: 'app', timestamp, persistent: false, CC: copies, contentEncoding: 'utf-8' })
      .build();
    await lastValueFrom(client.emit('told', record));
    const message = (await harness.channel.basicGet(queue))!;
    expect(message.json()).toEqual({ pattern: 'told', data: { id: 7 } });
    expect(message.properties).toEqual({
      headers: { a: '1', b: '2', CC: [copies] },
      priority: 4,
      expiration: '60000',
      messageId: 'm',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      type: 't',
      appId: 'app',
      timestamp,
      deliveryMode: 1,
    });
    expect(await harness.ready(copies)).toBe(1);
    const seconds = new RmqRecordBuilder(1).setOptions({ timestamp: 1_767_323_045 }).build();
    await lastValueFrom(client.emit('told', seconds));
    expect((await harness.channel.basicGet(queue))!.properties.timestamp).toEqual(timestamp);
  });

  it('need no queue where mandatory is false', async () => {
    const queue = harness.name();
    await harness.channel.queueDeclare(queue);
    const client = harness.client({ queue });
    await client.connect();
    await harness.channel.queueDelete(queue);
    expect(await errorOf(lastValueFrom(client.emit('told', 1)))).toBeInstanceOf(MessageReturnedError);
    const record = new AmqpRecordBuilder(1).setOptions({ mandatory: false }).build();
    await lastValueFrom(client.emit('told', record));
    const careless = harness.client({ queue, noAssert: true, mandatory: false });
    await lastValueFrom(careless.emit('told', 1));
  });
});

describe('Replies', () => {
  it.each(['there', 'not there'])('may arrive in a queue, %s', async (state) => {
    const [queue, replyQueue] = [harness.name(), harness.name('replies')];
    if (state === 'there') await harness.channel.queueDeclare(replyQueue);
    await harness.serve([service('a').controller], { queue });
    await harness.serve([service('a').controller], { queue }, "Nest's");
    const client = harness.client({ queue, replyQueue });
    const answers = await Promise.all(Array.from({ length: 10 }, () => firstValueFrom(client.send('who', {}))));
    expect(answers).toEqual(Array.from({ length: 10 }, () => 'a'));
  });

  it('may arrive in a queue of Nest’s client as well', async () => {
    const [queue, replyQueue] = [harness.name(), harness.name('replies')];
    await harness.channel.queueDeclare(replyQueue);
    await harness.serve([service('a').controller], { queue });
    const client = harness.client({ queue, replyQueue }, "Nest's");
    expect(await firstValueFrom(client.send('who', {}).pipe(toArray()))).toEqual(['a']);
  });
});

describe('Brokers', () => {
  it('are tried until one answers', async () => {
    const queue = harness.name();
    const urls = ['amqp://127.0.0.1:1', harness.url, 'amqp://127.0.0.1:2'];
    await harness.serve([service('a').controller], { queue, urls });
    expect(await firstValueFrom(harness.client({ queue, urls }).send('who', {}))).toBe('a');
  });

  it('may be given in parts', async () => {
    const { hostname, port } = new URL(harness.url);
    const queue = harness.name();
    const parts = { hostname, port: Number(port || 5672), vhost: '/', heartbeat: 5 };
    const server = new AmqpServer({ queue, urls: [parts], gracePeriod: 0 });
    await harness.serve([service('a').controller], server);
    expect(await firstValueFrom(harness.client({ queue }).send('who', {}))).toBe('a');
  });
});
