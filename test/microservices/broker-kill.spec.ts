import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { ConnectionLostError, type Connection } from 'nest-amqp/client';
import type { AmqpClientProxy } from 'nest-amqp/microservices';
import { startRabbitMq, type RabbitMq } from '../support/rabbitmq.js';
import { errorOf, eventOf } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { useMicro } from './support/micro-harness.js';

const FLIGHT = 100;
/** Milliseconds. A broker on a busy machine is slow to start. */
const BOOT = 150_000;

describe('A broker that is killed', () => {
  const harness = useMicro();
  let rabbit: RabbitMq;

  beforeAll(async () => {
    rabbit = await startRabbitMq({ source: 'local' });
  });
  afterAll(async () => {
    await rabbit?.stop();
  });

  it('fails all pending requests within a second; after its return both sides work without a restart', async () => {
    const started = new Inbox<unknown>();
    const seen = new Inbox<unknown>();
    const answers: (() => void)[] = [];

    @Controller()
    class Service {
      @MessagePattern('wait')
      wait(n: number): Promise<number> {
        started.add(n);
        return new Promise((resolve) => answers.push(() => resolve(n)));
      }

      @MessagePattern('double')
      double(n: number): number {
        return 2 * n;
      }

      @EventPattern<string>('told')
      told(n: number): void {
        seen.add(n);
      }
    }
    const queue = harness.name();
    const connection = { reconnect: { initialDelay: 50, maxDelay: 200 } };
    const options = { urls: rabbit.url, queue, connection, persistent: true, publishTimeout: BOOT };
    const app = await harness.serve([Service], options);
    const client = harness.client(options) as AmqpClientProxy;
    const errors = Array.from({ length: FLIGHT }, (_, n) => errorOf(firstValueFrom(client.send('wait', n))));
    await started.take(FLIGHT);
    // The broker answers a declaration before it is on disk; confirmed messages are on disk.
    await rabbit.ctl('eval', 'mnesia:dump_log().');

    const sides = [client.unwrap<Connection>(), app.unwrap<Connection>()];
    const back = sides.map((side) => eventOf(side, 'reconnected', BOOT));
    const lost = eventOf(sides[0]!, 'disconnected');
    const killed = rabbit.kill();
    await lost;
    const noticed = performance.now();
    for (const error of await Promise.all(errors)) expect(error).toBeInstanceOf(ConnectionLostError);
    await killed;
    expect(performance.now() - noticed).toBeLessThan(1_000);
    expect(await errorOf(firstValueFrom(client.send('double', 1)))).toMatchObject({ outcome: 'not-sent' });
    const waiting = lastValueFrom(client.emit('told', 7));

    await rabbit.start();
    await Promise.all(back);
    await waiting;
    // The requests had no answer, so they are handled once more, and their answers have no requester.
    await started.take(FLIGHT);
    for (const answer of answers) answer();
    expect(await seen.next()).toBe(7);
    const doubles = Array.from({ length: FLIGHT }, (_, n) => firstValueFrom(client.send<number>('double', n)));
    expect(await Promise.all(doubles)).toEqual(Array.from({ length: FLIGHT }, (_, n) => 2 * n));
    await app.close();
    await client.close();
  });
});
