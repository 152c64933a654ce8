import { afterEach, describe, expect, it } from '@jest/globals';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ConnectionReport, ConsumerReport, HeartbeatMessage, Survey } from '../../lib/client/index.js';
import { Deferred } from '../../lib/client/timing/deferred.js';
import { eventOf, useClientHarness } from './support/client-harness.js';

interface Answers {
  readonly connections: ConnectionReport[];
  readonly consumers: ConsumerReport[];
}

function survey(): Answers {
  const answers: Answers = { connections: [], consumers: [] };
  const message: Survey = {
    connection: (report) => answers.connections.push(report),
    consumer: (report) => answers.consumers.push(report),
  };
  channel('nest-amqp:survey').publish(message);
  return answers;
}

const connectionNamed = (name: string): ConnectionReport | undefined =>
  survey().connections.find(({ connectionName }) => connectionName === name);

describe('C9 nest-amqp:survey and nest-amqp:heartbeat', () => {
  const harness = useClientHarness();
  const listeners: ((message: unknown) => void)[] = [];
  afterEach(() => {
    for (const listener of listeners.splice(0)) unsubscribe('nest-amqp:heartbeat', listener);
  });

  it('C9 survey: a connection tells its state and its publishes, until it is closed', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ connectionName: 'survey' });
    const publisher = await connection.openChannel({ confirm: true, maxUnconfirmed: 2 });
    const idle = { state: 'open', blocked: undefined, unconfirmed: 0, waiting: 0 };
    expect(connectionNamed('survey')).toMatchObject(idle);
    expect(connectionNamed('survey')?.peer).toMatchObject({ port: proxy.port });

    const publishes = ['one', 'two', 'three'].map((body) => publisher.publish('amq.fanout', 'key', body));
    expect(connectionNamed('survey')).toMatchObject({ unconfirmed: 2, waiting: 1 });
    await Promise.all(publishes);
    expect(connectionNamed('survey')).toMatchObject(idle);

    const lost = eventOf(connection, 'disconnected');
    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    await lost;
    expect(connectionNamed('survey')?.state).toBe('reconnecting');
    await back;
    await connection.close();
    expect(connectionNamed('survey')).toBeUndefined();
  });

  it('C9 survey: a consumer tells what runs and what waits for its concurrency', async () => {
    const connection = await harness.connect();
    const publisher = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await publisher.queueDeclare(queue, { exclusive: true });
    const begun = new Deferred<void>();
    const release = new Deferred<void>();
    const consuming = await connection.openChannel();
    const reportOf = (): ConsumerReport | undefined => survey().consumers.find((report) => report.queue === queue);
    const consumer = await consuming.basicConsume(
      queue,
      async (delivery) => {
        begun.resolve();
        await release.promise;
        delivery.ack();
      },
      { concurrency: 1 },
    );
    const idle = { queue, handler: undefined, state: 'consuming', running: 0, waiting: 0, held: 0 };
    expect(reportOf()).toEqual(idle);
    await Promise.all(['one', 'two', 'three'].map((body) => publisher.publish('', queue, body)));
    await begun.promise;
    while (consumer.waiting < 2) await connection.drainEvents();
    expect(reportOf()).toEqual({ ...idle, running: 1, waiting: 2 });
    release.resolve();
    await consumer.idle();
    await consumer.cancel();
    expect(reportOf()).toBeUndefined();
  });

  it('C9 heartbeat: a busy event loop shows in the delay of the next timer', async () => {
    const connection = await harness.connect({ heartbeat: 1, connectionName: 'busy' });
    const late = new Deferred<HeartbeatMessage>();
    const listener = (message: unknown): void => {
      const heartbeat = message as HeartbeatMessage;
      if (heartbeat.peer.connectionName === 'busy' && heartbeat.delay > 100) late.resolve(heartbeat);
    };
    subscribe('nest-amqp:heartbeat', listener);
    listeners.push(listener);
    const end = Date.now() + 800;
    while (Date.now() < end);
    expect(await late.promise).toMatchObject({ interval: 1_000 });
    expect(connection.state).toBe('open');
  });
});
