import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, lastValueFrom, NEVER, startWith, type Observable } from 'rxjs';
import { AmqpServer, AmqpServersModule, RequestTimeoutError } from 'nest-amqp/microservices';
import { ConnectionError } from 'nest-amqp/client';
import { errorOf, eventually } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { ManualClock } from '../client/support/manual-clock.js';
import { Database } from './support/database.js';
import { useMicro } from './support/micro-harness.js';

const harness = useMicro();
const FLIGHT = 100;

/** Starts a service that holds a hundred requests, and answers those that the test selects. */
async function loaded(gracePeriod: number) {
  const started = new Inbox<number>();
  const answers: (() => void)[] = [];

  @Controller()
  class Service {
    @MessagePattern('double')
    double(n: number): Promise<number> {
      started.add(n);
      return new Promise((resolve) => answers.push(() => resolve(2 * n)));
    }
  }
  const queue = harness.name();
  const app = await harness.serve([Service], { queue, gracePeriod });
  const client = harness.client({ queue, requestTimeout: 20_000 });
  const requests = Array.from({ length: FLIGHT }, (_, n) => firstValueFrom(client.send<number>('double', n)));
  await started.take(FLIGHT);
  return { queue, app, client, requests, started, answer: () => answers.splice(0).forEach((give) => give()) };
}

describe('A server that closes', () => {
  it('answers the hundred requests in flight, and accepts no more', async () => {
    const { queue, app, client, requests, started, answer } = await loaded(10_000);
    const closed = app.close();
    // The consumer is cancelled before any handler ends.
    await eventually(async () => (await harness.channel.queueDeclare(queue, { passive: true })).consumerCount === 0);
    const late = firstValueFrom(client.send<number>('double', 1_000));
    await eventually(async () => (await harness.ready(queue)) === 1);
    answer();
    await closed;
    expect(await Promise.all(requests)).toEqual(Array.from({ length: FLIGHT }, (_, n) => 2 * n));
    expect(started.waiting).toBe(0);
    expect(harness.lines.with('still run')).toEqual([]);
    expect(await harness.ready(queue)).toBe(1);

    @Controller()
    class Successor {
      @MessagePattern('double')
      double(n: number): number {
        return 2 * n;
      }
    }
    await harness.serve([Successor], { queue });
    expect(await late).toBe(2_000);
  });

  it('N3.5 ends at most a second after the grace period while the broker is silent', async () => {
    const begun = new Inbox<number>();

    @Controller()
    class Service {
      @EventPattern<string>('told')
      told(n: number): Promise<void> {
        begun.add(n);
        return new Promise(() => {});
      }
    }
    const queue = harness.name();
    const { proxy, url } = await harness.proxy();
    const clock = new ManualClock();
    const app = await harness.serve([Service], { urls: url, queue, gracePeriod: 1_000, connection: { clock, heartbeat: 0 } }); // prettier-ignore
    await lastValueFrom(harness.client({ queue }).emit('told', 1));
    await begun.next();
    proxy.stall();
    const from = clock.now();
    await clock.advanceUntil(app.close());
    // The clock moves in steps of 10 ms.
    expect(clock.now() - from).toBeLessThanOrEqual(2_050);
  });

  it('N3.8 with its own connection ends before the dependencies of its handlers are destroyed', async () => {
    const steps: string[] = [];
    const begun = new Inbox<number>();
    let finish: (() => void) | undefined;

    @Controller()
    class Service {
      constructor(readonly database: Database) {}

      @EventPattern<string>('told')
      async told(n: number): Promise<void> {
        begun.add(n);
        await new Promise<void>((resolve) => (finish = resolve));
        steps.push('handled');
      }
    }
    const queue = harness.name();
    const strategy = new AmqpServer({ urls: harness.url, queue });

    @Module({
      imports: [AmqpServersModule.register([strategy])],
      controllers: [Service],
      providers: [Database.noting(steps)],
    })
    class AppModule {}
    const app = await NestFactory.create(AppModule, { logger: false });
    app.connectMicroservice({ strategy });
    await app.startAllMicroservices();
    await lastValueFrom(harness.client({ queue }).emit('told', 1));
    await begun.next();
    const closed = app.close();
    await eventually(async () => (await harness.channel.queueDeclare(queue, { passive: true })).consumerCount === 0);
    finish!();
    await closed;
    expect(steps).toEqual(['handled', 'database destroyed']);
    expect(await harness.ready(queue)).toBe(0);
  });

  it('N3.8 refuses to stop an object that is not a server', () => {
    const wrong = [{ queue: 'orders' }] as unknown as AmqpServer[];
    expect(() => AmqpServersModule.register(wrong)).toThrow('AmqpServersModule.register() takes a list of AmqpServer');
  });

  it('requeues requests that are not answered in time, for another server', async () => {
    const { queue, app, requests, answer } = await loaded(50);
    await app.close();
    await eventually(async () => (await harness.ready(queue)) === FLIGHT);
    // The answer is too late: the server neither replies twice nor settles a delivery that it has returned.
    answer();

    @Controller()
    class Successor {
      @MessagePattern('double')
      double(n: number): number {
        return 2 * n;
      }
    }
    await harness.serve([Successor], { queue });
    expect(await Promise.all(requests)).toEqual(Array.from({ length: FLIGHT }, (_, n) => 2 * n));
  });

  it('ends started streams with an error, and requeues the others', async () => {
    @Controller()
    class Service {
      @MessagePattern('begun')
      begun(): Observable<number> {
        return NEVER.pipe(startWith(1));
      }

      @MessagePattern('not begun')
      notBegun(): Observable<never> {
        return NEVER;
      }
    }
    const queue = harness.name();
    const app = await harness.serve([Service], { queue, gracePeriod: 50 });
    const client = harness.client({ queue, requestTimeout: 500 });
    const seen: unknown[] = [];
    const begun = new Promise((resolve) => {
      client.send('begun', {}).subscribe({ next: (value) => seen.push(value), error: resolve });
    });
    const notBegun = errorOf(lastValueFrom(client.send('not begun', {})));
    await eventually(() => seen.length === 1);
    await app.close();
    expect(await begun).toEqual({ status: 'error', message: 'the service is shutting down' });
    await eventually(async () => (await harness.ready(queue)) === 1);
    expect(await notBegun).toBeInstanceOf(RequestTimeoutError);
  });

  it('lets event handlers end, and requeues unfinished events', async () => {
    let end: (() => void) | undefined;
    const begun = new Inbox<number>();

    @Controller()
    class Service {
      @EventPattern<string>('told')
      told(n: number): Promise<void> {
        begun.add(n);
        return new Promise((resolve) => (end = resolve));
      }
    }
    const queue = harness.name();
    const client = harness.client({ queue });
    const graceful = await harness.serve([Service], { queue });
    await lastValueFrom(client.emit('told', 1));
    await begun.next();
    const closed = graceful.close();
    end!();
    await closed;
    expect(await harness.ready(queue)).toBe(0);
    const hasty = await harness.serve([Service], { queue, gracePeriod: 20 });
    await lastValueFrom(client.emit('told', 2));
    await begun.next();
    await hasty.close();
    await eventually(async () => (await harness.ready(queue)) === 1);
    end!();
  });

  it('may be closed before it listens, while it listens, and repeatedly', async () => {
    const queue = harness.name();

    @Controller()
    class Service {}
    const unheard = await harness.create({ controllers: [Service] }, { queue });
    await unheard.close();
    const unreachable = await harness.create({ controllers: [Service] }, { queue, urls: 'amqp://127.0.0.1:1' });
    const listening = errorOf(unreachable.listen());
    await harness.lines.until('next attempt in');
    await unreachable.close();
    expect(await listening).toMatchObject({ message: expect.stringContaining('closed') });
    const app = await harness.serve([Service], { queue });
    await Promise.all([app.close(), app.close()]);
  });

  it('gives up connecting after maxConnectionAttempts, and at once for permanent errors', async () => {
    const queue = harness.name();

    @Controller()
    class Service {}
    const options = { queue, urls: 'amqp://127.0.0.1:1', maxConnectionAttempts: 2 };
    const unreachable = await harness.create({ controllers: [Service] }, options);
    expect(await errorOf(unreachable.listen())).toBeInstanceOf(ConnectionError);
    expect(harness.lines.with('next attempt in')).toHaveLength(1);
    const wrong = new URL(harness.url);
    wrong.password = 'wrong';
    const refused = await harness.create({ controllers: [Service] }, { queue, urls: wrong.href });
    expect(await errorOf(refused.listen())).toMatchObject({ replyCode: 403 });
    expect(harness.lines.with('wrong')).toEqual([]);
  });
});
