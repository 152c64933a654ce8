import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../../lib/client/index.js';
import type { RabbitMq } from '../support/rabbitmq.js';
import { seededRandom } from '../support/random.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { cut } from './faults.js';
import { SoakRun, type SoakFigures } from './soak-run.js';

export interface SoakOptions {
  readonly messages: number;
  /** Connections cut, at random moments, between two frames or in the midst of one. */
  readonly cuts: number;
  /** SIGKILLs of the broker. */
  readonly kills: number;
  readonly republishUnconfirmed: boolean;
  /** Of the random moments: the same seed, the same plan. */
  readonly seed: number;
  /** Publishes in flight. Default 500. */
  readonly window?: number;
  /** Called now and then with one line. */
  readonly onProgress?: (line: string) => void;
}

/**
 * The soak on one broker: connections are cut and the broker is killed, while messages are published and consumed.
 *
 * @throws Error when something hangs, or a publish fails in a way that it must not
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
    // Not through the proxy, where a cut may still be due.
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
    // Of two errors the first counts: the broker may be down.
    await cleanUp().catch(() => {});
    throw new Error(`${(cause as Error).message}\n${state}`, { cause });
  }
  await cleanUp();
  return { cuts, kills, ...figures };
}

/** What the broker says of the queue: where something hangs, it may be the broker's to answer for. */
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

/** Each at a random moment of the run, and only while both connections are up: so each is a loss. */
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
      // What a machine takes to start a broker is no minute without progress.
      run.goesOn();
    } else await cut(proxy, random);
  }
}
