import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../../lib/client/index.js';
import type { RabbitMq } from '../support/rabbitmq.js';
import { seededRandom } from '../support/random.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { cut } from './faults.js';
import { SoakRun, type SoakFigures } from './soak-run.js';

export interface SoakOptions {
  readonly messages: number;
  /** Connections cut at random moments, between two frames or within one. */
  readonly cuts: number;
  /** SIGKILLs of the broker. */
  readonly kills: number;
  readonly republishUnconfirmed: boolean;
  /** Seed of the random moments: the same seed gives the same plan. */
  readonly seed: number;
  /** Publishes in flight. Default 500. */
  readonly window?: number;
  /** Called regularly with a line of progress. */
  readonly onProgress?: (line: string) => void;
}

/**
 * Runs the soak on one broker: cuts connections and kills the broker while messages are published and consumed.
 *
 * @throws Error when the run hangs, or a publish fails in an unexpected way
 */
export async function soak(rabbit: RabbitMq, options: SoakOptions): Promise<SoakFigures & Faults> {
  const { messages, cuts, kills, republishUnconfirmed, window, onProgress } = options;
  await using proxy = await TcpProxy.start(rabbit.port);
  const run = await SoakRun.start({
    connection: {
      urls: `amqp://127.0.0.1:${proxy.port}`,
      reconnect: { initialDelay: 20, maxDelay: 500 },
      heartbeat: 10,
    },
    republishUnconfirmed,
    window,
    onProgress,
  });
  const cleanUp = async (): Promise<void> => {
    await run[Symbol.asyncDispose]();
    // The connection bypasses the proxy, where a cut may still be pending.
    await using connection = await connect({ urls: rabbit.url, reconnect: false });
    const channel = await connection.openChannel();
    await channel.queueDelete(run.queue);
  };
  let figures: SoakFigures;
  try {
    await rabbit.flush();
    figures = await run.run(messages, () => disturb(run, rabbit, proxy, options));
  } catch (cause) {
    const state = await brokerState(rabbit, run.queue);
    // The first of two errors counts: the broker may be down.
    await cleanUp().catch(() => {});
    throw new Error(`${(cause as Error).message}\n${state}`, { cause });
  }
  await cleanUp();
  return { cuts, kills, ...figures };
}

/** Returns the broker's view of the queue, since the broker may be the cause of a hang. */
async function brokerState(rabbit: RabbitMq, queue: string): Promise<string> {
  const columns = ['name', 'state', 'leader', 'online', 'messages', 'messages_unacknowledged', 'consumers'];
  const asked = [
    rabbit.ctl('list_queues', ...columns),
    rabbit.ctl('eval', `rabbit_quorum_queue:status(<<"/">>, <<"${queue}">>).`),
    rabbit.ctl('list_connections', 'name', 'state', 'channels'),
  ];
  const answers = await Promise.all(asked.map((answer) => answer.catch((error: Error) => error.message)));
  return answers.join('\n');
}

interface Faults {
  readonly cuts: number;
  readonly kills: number;
}

/** Applies each fault at a random moment of the run, while both connections are up, so that each fault is a loss. */
async function disturb(run: SoakRun, rabbit: RabbitMq, proxy: TcpProxy, options: SoakOptions): Promise<void> {
  const { cuts, kills, messages, seed } = options;
  const random = seededRandom(seed);
  const moment = (): number => Math.floor(random() * 0.95 * messages);
  const plan = [
    ...Array.from({ length: cuts }, () => ({ at: moment(), kill: false })),
    ...Array.from({ length: kills }, () => ({ at: moment(), kill: true })),
  ].sort((a, b) => a.at - b.at);
  const { publisher, consumer } = run;
  for (const { at, kill } of plan) {
    await run.until(() => run.settled >= at && publisher.isAlive && consumer.isAlive);
    await run.until(() => publisher.state === 'open' && consumer.state === 'open');
    if (kill) {
      await rabbit.kill();
      await delay(random() * 500);
      await rabbit.start();
      // The start of a broker does not count as time without progress.
      run.goesOn();
    } else await cut(proxy, random);
  }
}
