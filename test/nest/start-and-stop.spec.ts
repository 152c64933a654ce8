import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpHealthIndicator,
  AmqpModule,
  classicQueue,
  Payload,
  TopologyError,
  TopologyMismatchError,
  topicExchange,
  type ExchangeDefinition,
} from 'nest-amqp';
import { connect } from 'nest-amqp/client';
import { declareTopology } from '../../src/topology/declare-topology.js';
import { eventually } from '../client/support/client-harness.js';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';
import { ManualClock } from '../client/support/manual-clock.js';

const nest = useNest();

/** Longer than any test: an error within this time was immediate. */
const AGES = 600_000;

async function failureOf(starting: Promise<unknown>): Promise<Error> {
  return starting.then(
    () => new Error('it has started'),
    (error: Error) => error,
  );
}

describe('A start', () => {
  it('N3.1 skips a host that accepts connections and never answers', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const mute = `amqp://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const apps = await Promise.all(
      Array.from({ length: 10 }, () => nest.start({}, { url: [mute, nest.rabbit.url, nest.rabbit.url] })),
    );
    expect(apps).toHaveLength(10);
    silent.close();
  });

  it('N3.2 declares all queues at once', async () => {
    const { proxy, url } = await nest.proxy();
    const connection = await connect(url);
    const channel = await connection.openChannel();
    const queues = Array.from({ length: 30 }, () => classicQueue(nest.name(), { durable: false }));
    proxy.stall('toClient');
    const declaring = declareTopology([channel], { queues });
    const isThere = (queue: string): Promise<boolean> =>
      nest.connection.withScratchChannel((look) =>
        look.queueDeclare(queue, { passive: true }).then(
          () => true,
          () => false,
        ),
      );
    await eventually(async () => (await Promise.all(queues.map(({ name }) => isThere(name)))).every(Boolean));
    proxy.resume();
    await declaring;
    await connection.close();
  });

  it('N3.2 declares many queues on several channels, and names the first wrong one', async () => {
    const queues = Array.from({ length: 40 }, () => classicQueue(nest.name(), { durable: false }));
    const [first, second] = [queues[2]!.name, queues[23]!.name];
    for (const name of [first, second]) await nest.channel.queueDeclare(name);
    const failure = await failureOf(nest.start({}, { startupTimeout: AGES, topology: { queues } }));
    expect(failure).toBeInstanceOf(TopologyMismatchError);
    expect(failure.message).toContain(`queue '${first}'`);
    expect(failure.message).not.toContain(second);
    // The queue behind it is declared on another channel, which the wrong one does not close.
    const { queue } = await nest.channel.queueDeclare(queues[3]!.name, { passive: true });
    expect(queue).toBe(queues[3]!.name);
  });

  it('declares many queues on a connection that allows few channels', async () => {
    const queues = Array.from({ length: 40 }, () => classicQueue(nest.name(), { durable: false }));
    await nest.start({}, { startupTimeout: AGES, connection: { channelMax: 2 }, topology: { queues } });
  });

  it('N3.3 fails at once with the broker’s text for an unknown exchange type', async () => {
    // It comes first, since RabbitMQ's connection.close may overtake the answers to declarations before it.
    const exchanges = [
      { name: nest.name(), type: 'x-no-such-type' } as unknown as ExchangeDefinition,
      topicExchange(nest.name()),
    ];
    const failure = await failureOf(nest.start({}, { startupTimeout: AGES, topology: { exchanges } }));
    expect(failure).toBeInstanceOf(TopologyError);
    expect(failure.message).toContain(exchanges[0]!.name);
    expect(failure.message).toMatch(/COMMAND_INVALID|exchange type/i);
  });

  it('N3.4 fails at once for a mistake of the program', async () => {
    const mistake = new TypeError('undefined is not a function');
    const createSocket = (): Promise<never> => Promise.reject(mistake);
    const failure = await failureOf(nest.start({}, { startupTimeout: AGES, connection: { createSocket } }));
    expect(failure.message).toContain('undefined is not a function');
    expect(nest.lines.with('next attempt in')).toEqual([]);
  });

  it('N3.9 survives the loss of a connection while consumers start', async () => {
    const queue = nest.name();
    const inbox = new Inbox();
    const { proxy, url } = await nest.proxy();

    @Injectable()
    class Orders implements OnApplicationBootstrap {
      onApplicationBootstrap(): void {
        void proxy.cutAfterBytes(0, 'toServer');
      }

      @AmqpConsumer(queue)
      onOrder(@Payload() order: unknown): void {
        inbox.add(order);
      }
    }

    const amqp = { url, topology: { queues: [classicQueue(queue)] }, connection: { reconnect: { initialDelay: 5 } } };
    const app = await nest.start({ imports: [AmqpModule.forRoot(amqp)], providers: [Orders] });
    expect(app.get(AmqpConsumerRegistry, { strict: false }).list()).toMatchObject([{ state: 'consuming' }]);
    await publisherOf(app).sendToQueue(queue, 1);
    expect(await inbox.next()).toBe(1);
  });
});

describe('An outage', () => {
  it('N3.7 logs at most five lines per connection, and health is up again after it', async () => {
    const { proxy, url } = await nest.proxy();
    const connection = { reconnect: { initialDelay: 1, maxDelay: 2 } };
    let rounds = 0;
    const urls = (): string => (rounds++, url);
    const app = await nest.start({ imports: [AmqpModule.forRoot({ url: urls, connection })] });
    const before = nest.lines.inbox.all.length;
    proxy.refuse();
    proxy.cut();
    await eventually(() => rounds > 40);
    const health = app.get(AmqpHealthIndicator, { strict: false });
    expect(health.isHealthy().amqp.status).toBe('down');
    await proxy.accept();
    await eventually(() => health.isHealthy().amqp.status === 'up');
    expect(nest.lines.inbox.all.slice(before).length).toBeLessThanOrEqual(10);
  });
});

describe('A stop', () => {
  it('N3.5 ends at most a second after the grace period while the broker is silent', async () => {
    const queue = nest.name();
    const { proxy, url } = await nest.proxy();
    const clock = new ManualClock();
    const begun = new Inbox();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      onOrder(payload: unknown): Promise<void> {
        begun.add(payload);
        return new Promise(() => {});
      }
    }
    const topology = { queues: [classicQueue(queue)] };
    const options = { url, gracePeriod: 1_000, connection: { clock, heartbeat: 0 }, topology };
    const app = await nest.start({ imports: [AmqpModule.forRoot(options)], providers: [Billing] });
    await publisherOf(app).sendToQueue(queue, 1);
    await begun.next();
    proxy.stall();
    const from = clock.now();
    await clock.advanceUntil(nest.close(app));
    // The clock moves in steps of 10 ms.
    expect(clock.now() - from).toBeLessThanOrEqual(2_050);
  });
});
