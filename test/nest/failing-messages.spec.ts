import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Buffer } from 'node:buffer';
import {
  BadRequestException,
  HttpException,
  Injectable,
  UseGuards,
  type CanActivate,
  type INestApplicationContext,
} from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, Subject } from 'rxjs';
import {
  AmqpConsumer,
  AmqpConsumerRegistry,
  classicQueue,
  fixed,
  HandlerTimeoutError,
  quorumQueue,
  RejectMessage,
  RetryMessage,
  type AmqpContext,
} from 'nest-amqp';
import { ConfigurationError, type FieldValue } from 'nest-amqp/client';
import { FailingConsumers, soon } from './support/failing-consumer.js';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';
import { eventually } from '../client/support/client-harness.js';

const nest = useNest();
const failing = new FailingConsumers(nest);

const fail = (): never => {
  throw new Error('no');
};

/** Returns nested arrays. */
function nested(levels: number): FieldValue {
  let value: FieldValue = ['x'];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

describe('a message whose history is too large', () => {
  // RabbitMQ limits a frame to 131,072 bytes; the rest of the header frame takes some of them.
  const large = { headers: { filler: 'x'.repeat(130_900) } };
  const deep = { headers: { CC: nested(63), tenant: 'acme' } };

  it.each([
    ['headers of 131 KB', large],
    ['a CC header of 63 arrays', deep],
  ])('N1 1.1: %s: it is parked, and does not delay others', async (_, properties) => {
    const queue = failing.queue();
    const good = new Inbox();
    const { app, failures } = await failing.start(queue, { retry: soon, prefetch: 10 }, (payload) => {
      if (payload === 'bad') throw new Error('no');
      good.add(payload);
    });
    for (let bad = 0; bad < 10; bad++) {
      await nest.channel.publish('', queue, '"bad"', { ...properties, contentType: 'application/json', messageId: `m-${bad}` }); // prettier-ignore
    }
    for (let count = 0; count < 30; count++) await publisherOf(app).sendToQueue(queue, count);
    expect((await good.take(30)).length).toBe(30);
    for (let bad = 0; bad < 10; bad++) {
      expect(await failing.until(failures, 'park')).toMatchObject({ reason: 'Error: no' });
    }
    const parked = await failing.parked(app, queue);
    expect(parked.map(({ messageId }) => messageId).toSorted()).toEqual(Array.from({ length: 10 }, (__, at) => `m-${at}`)); // prettier-ignore
    expect(parked[0]!.body.toString()).toBe('"bad"');
    expect(nest.lines.with('could not be parked')).toEqual([]);
    await failing.untilStatus(app, { held: 0, inFlight: 0 });
  });

  it('N1 1.1: keeps its history without stacks where that fits, and names the omitted part', async () => {
    const queue = failing.queue();
    const { app, failures } = await failing.start(queue, { retry: soon }, fail);
    await nest.channel.publish('', queue, '1', { ...large, messageId: 'm-1' });
    await failing.until(failures, 'park');
    expect(nest.lines.with('cannot be retried: its headers leave no room for its history')).toHaveLength(1);
    expect(await failing.parked(app, queue)).toMatchObject([{ messageId: 'm-1', attempts: 0 }]);
    const small = { headers: { filler: 'x'.repeat(128_000) }, messageId: 'm-2' };
    await nest.channel.publish('', queue, '2', small);
    await failing.until(failures, 'park');
    const [, second] = await failing.parked(app, queue);
    expect(second).toMatchObject({ messageId: 'm-2', attempts: 3, lastFailure: { message: 'Error: no' } });
    expect(second!.firstFailure!.stack).toBeUndefined();
  });
});

describe('any thrown value', () => {
  it('N1 1.3: is described safely, settled and counted', async () => {
    const queue = failing.queue();
    const trap = (): never => {
      throw new Error('not to be read');
    };
    const thrown: readonly (() => unknown)[] = [
      () => Object.assign(new Error('odd'), { stack: 7 }),
      () => Object.defineProperty(new Error(''), 'message', { get: trap }),
      () => undefined,
      () => new Proxy({}, { get: trap, getPrototypeOf: trap, has: trap }),
      () => new Proxy(new Error('p'), { getPrototypeOf: trap }),
      () => Object.create(null) as object,
    ];
    const { app, failures } = await failing.start(queue, { retry: { ...soon, attempts: 2 } }, (payload) => {
      throw thrown[payload as number]!();
    });
    for (const index of thrown.keys()) await publisherOf(app).sendToQueue(queue, index);
    for (const _ of thrown) await failing.until(failures, 'park');
    await failing.untilStatus(app, { handled: 2 * thrown.length, failed: 2 * thrown.length, inFlight: 0 });
    const parked = await failing.parked(app, queue);
    expect(parked).toHaveLength(thrown.length);
    for (const { attempts, lastFailure } of parked) {
      expect(attempts).toBe(2);
      expect(lastFailure!.message).toMatch(/./);
    }
  });
});

describe('the reason', () => {
  const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

  it.each<[string, () => unknown, string]>([
    ['the messages of a pipe', () => new BadRequestException(['id must be a text']), 'BadRequestException: Bad Request Exception (id must be a text)'], // prettier-ignore
    ['the causes', () => new TypeError('fetch failed', { cause: refused() }), 'TypeError: fetch failed ← Error: connect ECONNREFUSED'], // prettier-ignore
    ['the parts', () => new AggregateError([refused()], 'none'), 'AggregateError: none [Error: connect ECONNREFUSED]'],
    ['a text', () => 'the bank is closed', 'a thrown string: the bank is closed'],
  ])('is in log, failures$ and parked message: %s', async (_, thrown, reason) => {
    const queue = failing.queue();
    const { app, failures } = await failing.start(queue, { retry: false }, () => {
      throw thrown();
    });
    await publisherOf(app).sendToQueue(queue, { card: '4111-1111' });
    expect(await failing.until(failures, 'park')).toMatchObject({ reason });
    expect(nest.lines.with(reason)).toHaveLength(1);
    expect((await failing.parked(app, queue))[0]!.lastFailure!.message).toBe(reason);
  });

  it('has its stack at the first and at the last failure, not at each retry', async () => {
    const queue = failing.queue();
    const { app, failures } = await failing.start(queue, { retry: { ...soon, attempts: 4 } }, fail);
    await publisherOf(app).sendToQueue(queue, 1);
    await failing.until(failures, 'park');
    const stacks = nest.lines.with('Error: no').map((line) => line.includes('\n    at '));
    expect(stacks).toEqual([true, false, false, true]);
  });

  it('contains neither the payload nor a credential', async () => {
    const queue = failing.queue();
    const payload = { card: '4111-1111', note: 'to be kept secret' };
    const thrown: readonly ((body: Buffer) => unknown)[] = [
      () => payload,
      (body) => body.toString(),
      () => payload.note,
      (body) => new Error(`cannot handle ${body.toString()}`),
      () => new Error('no way to amqp://app:4111-1111@broker'),
      () => new RejectMessage(),
    ];
    let at = 0;
    const { app, failures } = await failing.start(queue, { retry: false }, (_, { delivery }) => {
      throw thrown[at++]!(delivery.body);
    });
    for (const _ of thrown) await publisherOf(app).sendToQueue(queue, payload);
    const reasons = (await failures.take(thrown.length)).map(({ reason }) => reason);
    // A parked message is reported once the broker has its copy, so reports are not in order.
    expect(reasons.toSorted()).toEqual([
      'Error: cannot handle …',
      'Error: no way to amqp://***@broker',
      'RejectMessage',
      'a thrown object',
      'a thrown string',
      'a thrown string',
    ]);
    const told = [
      ...nest.lines.inbox.all,
      ...(await failing.parked(app, queue)).map((one) => one.lastFailure!.message),
    ];
    for (const line of told) expect(line).not.toMatch(/4111|secret/);
    expect(nest.lines.with(': RejectMessage; rejected')).toHaveLength(1);
  });
});

describe('a forged history', () => {
  const forged = (queue: string, table: Record<string, FieldValue>) => ({
    headers: { 'x-nest-amqp-retry': { queue, exchange: 'billing', 'routing-key': 'order.paid', failed: 0, ...table } },
    contentType: 'application/json',
  });

  it('N1 1.5: is ignored, with its attempts, its exchange and its routing key', async () => {
    const queue = failing.queue();
    const seen = new Inbox<AmqpContext>();
    const { failures } = await failing.start(queue, { retry: soon }, (_, context) => {
      seen.add(context);
      throw new Error('no');
    });
    for (const failed of [1e9, 0]) {
      await nest.channel.publish('', queue, '1', forged(queue, { failed, expiration: 'soon', cc: ['others'] }));
      const attempts = await seen.take(3);
      expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
      for (const { exchange, routingKey } of attempts) expect([exchange, routingKey]).toEqual(['', queue]);
      await failing.until(failures, 'park');
    }
  });

  it('N1 1.4: does not stop a redrive when it is invalid', async () => {
    const queue = failing.queue();
    let broken = true;
    const handled = new Inbox();
    const { app, failures } = await failing.start(queue, { retry: false }, (payload) => {
      if (broken) throw new Error('no');
      handled.add(payload);
    });
    for (let n = 0; n < 200; n++) await publisherOf(app).sendToQueue(queue, n);
    for (let n = 0; n < 200; n++) await failing.until(failures, 'park');
    await nest.channel.publish('', `${queue}.parked`, '"forged"', forged(queue, { expiration: 'soon', failed: 2 }));
    broken = false;
    await expect(failing.lotOf(app).redrive(queue)).resolves.toEqual({ redriven: 201, kept: 0, failed: 0 });
    expect((await handled.take(201)).at(-1)).toBe('forged');
    // A quorum queue processes acknowledgements asynchronously.
    await eventually(async () => (await failing.parked(app, queue)).length === 0);
  });

  it('N1 1.4: a message that cannot be redriven stays, the others do not', async () => {
    const queue = failing.queue();
    const handled = new Inbox();
    const { app } = await failing.start(queue, { retry: false }, (payload) => handled.add(payload));
    const bodiless = forged(queue, { 'body-size': 7 });
    await nest.channel.queueDeclare(`${queue}.parked`);
    for (let n = 0; n < 3; n++) await nest.channel.publish('', `${queue}.parked`, '"x"', n === 1 ? bodiless : { contentType: 'application/json' }); // prettier-ignore
    await expect(failing.lotOf(app).redrive(queue)).resolves.toEqual({ redriven: 2, kept: 0, failed: 1 });
    await handled.take(2);
    expect(nest.lines.with('cannot be sent back')).toHaveLength(1);
    expect(await failing.parked(app, queue)).toHaveLength(1);
  });
});

describe('RetryMessage', () => {
  it("N1 1.9: '7d' waits 7 days, and a delay above the maximum is an error that says so", async () => {
    const week = 7 * 86_400_000;
    const queue = failing.queue(week);
    const { app, failures } = await failing.start(queue, { retry: soon }, (payload) => {
      throw new RetryMessage(payload as `${number}d`);
    });
    await publisherOf(app).sendToQueue(queue, '7d');
    expect(await failures.next()).toMatchObject({ decision: 'retry', delay: week });
    expect(await nest.ready(`${queue}.retry.${week}`)).toBe(1);
    expect(() => new RetryMessage('60d')).toThrow(ConfigurationError);
    expect(() => new RetryMessage('60d')).toThrow('49 days at most');
    await publisherOf(app).sendToQueue(queue, '60d');
    expect(await failures.next()).toMatchObject({ reason: expect.stringContaining('49 days at most') });
  });

  it('N1 1.9: parks the message with the reason, instead of an early retry, where no queue may be declared', async () => {
    const queue = failing.queue();
    await nest.channel.queueDeclare(queue, { durable: true });
    await nest.channel.queueDeclare(`${queue}.parked`, { durable: true });
    await nest.channel.queueDeclare(`${queue}.retry.50`, { durable: true });
    const retry = { attempts: 2, backoff: fixed(50) };
    const topology = { declare: 'none' as const };
    const { app, failures } = await failing.start(queue, { retry }, () => { throw new RetryMessage('1h'); }, { topology }); // prettier-ignore
    await publisherOf(app).sendToQueue(queue, 1);
    await failing.until(failures, 'park');
    expect(nest.lines.with('the longest that is declared has 50 ms')).toHaveLength(1);
  });
});

describe('registry.pause()', () => {
  it.each<[string, unknown, string]>([
    ['{ queue: undefined }', { queue: undefined }, 'queue must be a name, not undefined'],
    ['a text', 'billing', 'not a string'],
    ['a misspelt key', { queu: 'billing' }, "unknown selector 'queu'"],
    ['an empty selector', {}, 'the selector is empty'],
    ['an empty name', { queue: '' }, 'queue must be a name, not an empty text'],
    ['null', null, 'not null'],
    ['a list', ['billing'], 'not a list'],
  ])('N1 1.10: %s is an error, and pauses nothing', async (_, selector, message) => {
    const queue = failing.queue();
    const { app } = await failing.start(queue, {}, () => {});
    const registry = app.get(AmqpConsumerRegistry, { strict: false });
    await expect(registry.pause(selector as never)).rejects.toThrow(ConfigurationError);
    await expect(registry.pause(selector as never)).rejects.toThrow(message);
    await expect(registry.resume(selector as never)).rejects.toThrow(ConfigurationError);
    expect(() => registry.list(selector as never)).toThrow(ConfigurationError);
    expect(failing.statusOf(app).state).toBe('consuming');
    await registry.pause();
    expect(failing.statusOf(app).state).toBe('paused');
  });
});

describe('a guard that refuses temporarily', () => {
  it.each([408, 425, 429, 503])('%i: the message is retried', async (status) => {
    const queue = failing.queue();
    let attempts = 0;

    class Busy implements CanActivate {
      canActivate(): boolean {
        attempts++;
        if (attempts < 3) throw new HttpException('later', status);
        return true;
      }
    }

    const handled = new Inbox();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { retry: soon })
      @UseGuards(Busy)
      onOrder(payload: unknown): void {
        handled.add(payload);
      }
    }

    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [quorumQueue(queue)] } });
    await publisherOf(app).sendToQueue(queue, 'x');
    expect(await handled.next()).toBe('x');
    expect(attempts).toBe(3);
  });
});

describe('timeout', () => {
  it('N2 2.4: aborts the signal, fails the message, and ignores the later result of the handler', async () => {
    const queue = failing.queue();
    const aborted = new Inbox<unknown>();
    const late = new Inbox<AmqpContext>();
    const { app, failures } = await failing.start(
      queue,
      { timeout: 100, retry: { attempts: 2, backoff: fixed(50) } },
      async (_, context) => {
        await new Promise<void>((resolve) => {
          context.signal.addEventListener('abort', () => resolve());
        });
        aborted.add(context.signal.reason);
        context.ack();
        context.nack();
        late.add(context);
      },
    );
    await publisherOf(app).sendToQueue(queue, 'x', { messageId: 'm-1' });
    expect(await failing.until(failures, 'park')).toMatchObject({
      attempt: 2,
      cause: expect.any(HandlerTimeoutError),
      reason: 'HandlerTimeoutError: the handler did not return within 100 ms (timeout)',
    });
    expect(aborted.all).toEqual([expect.any(HandlerTimeoutError), expect.any(HandlerTimeoutError)]);
    expect(await failing.parked(app, queue)).toMatchObject([{ messageId: 'm-1', attempts: 2 }]);
    await failing.untilStatus(app, { handled: 2, failed: 2, inFlight: 0 });
    expect(await nest.ready(queue)).toBe(0);
  });

  it('stops a fetch with the signal, and does not affect a handler that ends in time', async () => {
    const queue = failing.queue();
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const stopped = new Inbox<unknown>();
    const { app, failures } = await failing.start(
      queue,
      { timeout: '200ms', retry: false },
      async (payload, { signal }) => {
        if (payload === 'slow') await fetch(`http://127.0.0.1:${port}`, { signal }).catch(stopped.add);
      },
    );
    await publisherOf(app).sendToQueue(queue, 'quick');
    await publisherOf(app).sendToQueue(queue, 'slow');
    expect(await failures.next()).toMatchObject({ cause: expect.any(HandlerTimeoutError) });
    expect(await stopped.next()).toBeInstanceOf(HandlerTimeoutError);
    await failing.untilStatus(app, { handled: 2, failed: 1, inFlight: 0 });
    server.closeAllConnections();
    server.close();
  });

  it('must be a duration', async () => {
    const queue = nest.name();
    for (const timeout of [0, -1, 'soon']) {
      await expect(failing.start(queue, { timeout: timeout as never }, () => {})).rejects.toThrow(ConfigurationError);
    }
  });
});

describe('what is in flight', () => {
  const registryOf = (app: INestApplicationContext) => app.get(AmqpConsumerRegistry, { strict: false });

  it('N2 2.6: counts messages that wait for the concurrency limit', async () => {
    const queue = nest.name();
    const gate = new Subject<void>();
    const begun = new Inbox();
    const billing = failing.classOf(queue, { prefetch: 10, concurrency: 2 }, async (payload) => {
      begun.add(payload);
      await firstValueFrom(gate);
    });
    const app = await nest.start({ providers: [billing] }, { topology: { queues: [classicQueue(queue)] } });
    for (let n = 0; n < 10; n++) await publisherOf(app).sendToQueue(queue, n);
    await begun.take(2);
    // One channel delivers in order, so the messages confirmed before this one have been delivered.
    while (registryOf(app).list()[0]!.inFlight < 10) await new Promise(setImmediate);
    expect(registryOf(app).list()[0]).toMatchObject({ inFlight: 10, handled: 0 });
    while (begun.all.length < 10) {
      gate.next();
      await new Promise(setImmediate);
    }
    gate.next();
  });
});
