import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { INestApplicationContext } from '@nestjs/common';
import { AmqpConsumerRegistry, ConfirmingPublisher, RpcRemoteError } from '../../../src/index.js';
import { connect, type Channel, type Connection } from '../../../lib/client/index.js';
import { seededRandom } from '../../support/random.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { cut } from '../faults.js';
import { DEAD, DELAY, PATIENCE, startApplication } from './application.js';
import type { MixedBroker } from './brokers.js';
import { bodyOf, drawKind, kindNamed, KINDS, QUEUES, type Kind, type QueueName } from './kinds.js';
import { MixedLedger } from './ledger.js';

/** Milliseconds without any progress after which a run has failed. */
const STUCK = 300_000;
/** Publishes and requests in flight. */
const WINDOW = 200;
/** Parts in which the messages with faults are published; the memory is measured after each part. */
const PARTS = 3;

export interface MixedOptions {
  readonly messages: number;
  readonly prefetch: number;
  readonly cuts: number;
  readonly kills: number;
  readonly blocks: number;
  /** Seed of messages and faults: the same seed gives the same plan. */
  readonly seed: number;
  readonly onProgress?: (line: string) => void;
}

export interface MixedFigures {
  readonly prefetch: number;
  readonly seconds: number;
  readonly confirmed: number;
  readonly unknown: number;
  readonly calls: number;
  readonly retried: number;
  readonly stale: number;
  readonly twins: number;
  /** The most messages that were held at once because they could not leave a blocked broker. */
  readonly held: number;
  /** Bytes of the heap after each part. */
  readonly heap: readonly number[];
  readonly kinds: Readonly<Record<string, Record<string, number>>>;
  /** Differences from the table: must be 0. */
  readonly wrong: number;
  readonly differences: readonly string[];
}

type Fault = 'cut' | 'kill' | 'block';

/** Runs one application with one prefetch, from its start to its end. */
export async function mixed(broker: MixedBroker, options: MixedOptions): Promise<MixedFigures> {
  await using proxy = await TcpProxy.start(broker.port);
  const ledger = new MixedLedger(3 * options.messages + 5_000);
  const app = await startApplication(`amqp://127.0.0.1:${proxy.port}`, options.prefetch, ledger);
  const direct = await connect(broker.url);
  const run = new MixedRun(broker, proxy, ledger, app, direct, options);
  try {
    return await run.all();
  } catch (cause) {
    throw new Error(`${(cause as Error).message}; ${run.line}\n${ledger.differences.join('\n')}`, { cause });
  } finally {
    await app.close();
    await run.deleteQueues();
    await direct.close();
  }
}

class MixedRun {
  private readonly random: () => number;
  private readonly registry: AmqpConsumerRegistry;
  private readonly publisher: ConfirmingPublisher;
  private readonly started = performance.now();
  private readonly heap: number[] = [];
  private mostHeld = 0;
  private lastProgress = performance.now();
  private progress = -1;
  /** The first message without an end. */
  private firstOpen = 0;

  constructor(
    private readonly broker: MixedBroker,
    private readonly proxy: TcpProxy,
    private readonly ledger: MixedLedger,
    app: INestApplicationContext,
    private readonly direct: Connection,
    private readonly options: MixedOptions,
  ) {
    this.random = seededRandom(options.seed + options.prefetch);
    this.registry = app.get(AmqpConsumerRegistry, { strict: false });
    this.publisher = app.get(ConfirmingPublisher, { strict: false });
  }

  get line(): string {
    const { published, confirmed, unknown, calls } = this.ledger;
    const open = this.firstOpen < published ? `; ${this.ledger.story(this.firstOpen)}` : '';
    return `${published} published, ${confirmed} confirmed, ${unknown} unknown, ${calls} handler calls${open}`;
  }

  async all(): Promise<MixedFigures> {
    const ticker = setInterval(
      () => this.options.onProgress?.(`prefetch ${this.options.prefetch}: ${this.line}`),
      1_000,
    );
    try {
      await this.withoutFaults();
      await this.broker.flush();
      await this.whileBlocked();
      this.ledger.disturbed = true;
      for (let part = 1; part <= PARTS; part++) {
        await this.withFaults(part);
        this.heap.push(heapUsed());
      }
      // Some messages arrive after their part was compared.
      await this.takeEnds();
      this.ledger.compare(0, false);
    } finally {
      clearInterval(ticker);
    }
    return this.figures();
  }

  async deleteQueues(): Promise<void> {
    const channel = await this.direct.openChannel();
    for (const queue of this.queueNames()) await channel.queueDelete(queue);
    await channel.exchangeDelete(DEAD);
    await channel.close();
  }

  /**
   * Publishes all messages before the consumers start. A retry goes to the end of its queue, so each message that is handled
   * well begins before any second attempt, unless it has waited for a delay.
   */
  private async withoutFaults(): Promise<void> {
    const { ledger } = this;
    await this.registry.pause();
    const from = ledger.published;
    const kinds = KINDS.flatMap((kind) => Array.from({ length: Math.max(2, Math.ceil(kind.share / 4)) }, () => kind));
    const sent = shuffled(kinds, this.random).map((kind) => this.publish(kind));
    const published = sent.filter((_, at) => ledger.kindOf(from + at).queue !== 'price');
    await Promise.all(published);
    await this.registry.resume();
    await Promise.all(sent);
    await this.drain();
    await this.takeEnds();
    ledger.compare(from, true);
    if (ledger.retriedIn('work') === 0) this.wrong('no second attempt was made');
    if (ledger.lateIn('work') > 0)
      this.wrong(`${ledger.lateIn('work')} messages were handled only behind a second attempt`);
  }

  /**
   * Makes more messages fail than the prefetch allows, with no way out of the queue: the messages behind them must be handled.
   */
  private async whileBlocked(): Promise<void> {
    const { ledger, broker } = this;
    const from = ledger.published;
    await this.registry.pause({ queue: 'work' });
    const refused = 2 * this.options.prefetch + 1;
    const fail = Array.from({ length: refused }, () => this.publish(kindNamed('a guard refuses')));
    await Promise.all(fail);
    const good = Array.from({ length: 100 }, () => this.publish(kindNamed('returns')));
    await Promise.all(good);
    await broker.block();
    ledger.disturbed = true;
    await this.registry.resume({ queue: 'work' });
    await this.until('good messages handled while others are held', () => {
      for (let n = from + refused; n < ledger.published; n++) if (!ledger.isOver(n)) return false;
      return true;
    });
    const { held } = this.statusOf('work');
    this.mostHeld = held;
    if (held === 0) this.wrong('no message was held while the broker was blocked');
    await broker.unblock();
    await this.drain();
    await this.takeEnds();
    ledger.compare(from, true);
  }

  private async withFaults(part: number): Promise<void> {
    const { ledger } = this;
    const { messages } = this.options;
    const from = ledger.published;
    const count = Math.floor((part * messages) / PARTS) - Math.floor(((part - 1) * messages) / PARTS);
    const until = ledger.confirmed + count;
    const faults = this.disturb(part, ledger.confirmed, count);
    let inFlight = 0;
    let wake = (): void => {};
    // Each message that the broker may not have is replaced by another.
    while (ledger.confirmed + inFlight < until || inFlight > 0) {
      while (inFlight < WINDOW && ledger.confirmed + inFlight < until) {
        inFlight++;
        void this.publish(drawKind(this.random())).finally(() => {
          inFlight--;
          wake();
        });
      }
      await new Promise<void>((resolve) => (wake = resolve));
    }
    await faults;
    await this.drain();
    await this.takeEnds();
    ledger.compare(from, false);
  }

  /** Applies the faults of one part, each after a number of confirmed messages. */
  private async disturb(part: number, from: number, count: number): Promise<void> {
    const { cuts, kills, blocks } = this.options;
    const share = (all: number): number => Math.floor((part * all) / PARTS) - Math.floor(((part - 1) * all) / PARTS);
    const kinds: readonly (readonly [Fault, number])[] = [['cut', share(cuts)], ['kill', share(kills)], ['block', share(blocks)]]; // prettier-ignore
    const plan = kinds.flatMap(([fault, times]) =>
      Array.from({ length: times }, () => ({ fault, at: from + Math.floor(this.random() * 0.9 * count) })),
    );
    for (const { fault, at } of plan.sort((a, b) => a.at - b.at)) {
      await this.until(`the time of a ${fault}`, () => this.ledger.confirmed >= at);
      if (fault === 'cut') await cut(this.proxy, this.random);
      if (fault === 'kill') await this.broker.kill();
      if (fault === 'block') await this.blockForAWhile();
      this.lastProgress = performance.now();
    }
  }

  /** Blocks the broker until handlers were called a hundred times more, or for two seconds. */
  private async blockForAWhile(): Promise<void> {
    await this.broker.block();
    const { calls } = this.ledger;
    for (let waited = 0; waited < 2_000 && this.ledger.calls < calls + 100; waited += 20) {
      await delay(20);
      this.mostHeld = Math.max(this.mostHeld, ...this.registry.list().map(({ held }) => held));
    }
    await this.broker.unblock();
  }

  /** Publishes one message. Never rejects. */
  private async publish(kind: Kind): Promise<void> {
    const { ledger, publisher } = this;
    const n = ledger.publish(kind);
    const undecodable = kind.name === 'undecodable';
    const options = {
      messageId: `m${n}`,
      headers: { n, kind: kind.name },
      ...(undecodable ? { contentType: 'application/json' } : {}),
      ...(kind.expiration === undefined ? {} : { expiration: kind.expiration }),
    };
    const isRequest = kind.queue === 'price';
    try {
      const body = bodyOf(n, kind);
      if (isRequest) await publisher.request('', kind.queue, body, { ...options, timeout: PATIENCE });
      else await publisher.sendToQueue(kind.queue, body, options);
      if (isRequest) ledger.answered(n, false);
      else ledger.confirm(n);
    } catch (error) {
      if (error instanceof RpcRemoteError) ledger.answered(n, true);
      else if ((error as { outcome?: unknown }).outcome === 'not-sent') ledger.forget(n);
      else if ((error as { outcome?: unknown }).outcome === 'unknown') ledger.doubt(n);
      else this.wrong(`publish of message ${n}, '${kind.name}': ${String(error)}`);
    }
  }

  /** Waits until the fate of each message is known, and all queues are empty. */
  private async drain(): Promise<void> {
    const { ledger } = this;
    await this.until('each message has its end', () => {
      while (this.firstOpen < ledger.published && ledger.isOver(this.firstOpen)) this.firstOpen++;
      return this.firstOpen === ledger.published;
    });
    let calm = 0;
    await this.until('all queues are empty', async () => {
      const busy = this.registry
        .list()
        .some(({ state, inFlight, held }) => state !== 'consuming' || inFlight + held > 0);
      calm = busy || (await this.waiting()) > 0 ? 0 : calm + 1;
      if (calm < 3) await delay(DELAY);
      return calm >= 3;
    });
  }

  /** Returns the number of messages in the queues that messages pass through. */
  private async waiting(): Promise<number> {
    let sum = 0;
    await this.eachQueue(async (channel, queue) => {
      if (queue === DEAD || queue.endsWith('.parked')) return;
      sum += (await channel.queueDeclare(queue, { passive: true })).messageCount;
    });
    return sum;
  }

  /** Takes the messages of the parked queues and of the dead-letter exchange. */
  private async takeEnds(): Promise<void> {
    await this.eachQueue(async (channel, queue) => {
      if (queue !== DEAD && !queue.endsWith('.parked')) return;
      for (;;) {
        const delivery = await channel.basicGet(queue);
        if (!delivery) return;
        const { headers = {} } = delivery.properties;
        const n = Number(headers['n']);
        if (queue === DEAD) this.ledger.onDead(n);
        else this.ledger.onParked(n, reasonIn(headers), delivery.body.length);
        delivery.ack();
      }
    });
  }

  /** Calls `work` for each queue that exists. */
  private async eachQueue(work: (channel: Channel, queue: string) => Promise<void>): Promise<void> {
    const channel = await this.direct.openChannel();
    const known = this.queueNames();
    for (const queue of known) {
      if (!(await this.isThere(queue))) continue;
      await work(channel, queue);
    }
    await channel.close();
  }

  private async isThere(queue: string): Promise<boolean> {
    const channel = await this.direct.openChannel({ restore: false });
    try {
      await channel.queueDeclare(queue, { passive: true });
      await channel.close();
      return true;
    } catch (error) {
      if ((error as Error).name === 'NotFoundError') return false;
      throw error;
    }
  }

  private queueNames(): string[] {
    return [...QUEUES.flatMap((queue) => [queue, `${queue}.retry.${DELAY}`, `${queue}.parked`]), DEAD];
  }

  private statusOf(queue: QueueName) {
    return this.registry.list().find((status) => status.queue === queue)!;
  }

  private wrong(what: string): void {
    this.ledger.wrong++;
    this.ledger.differences.push(what);
  }

  /** Polls until the condition holds. @throws Error after some minutes without any progress */
  private async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    this.lastProgress = performance.now();
    while (!(await condition())) {
      const { calls, confirmed, unknown } = this.ledger;
      const progress = calls + confirmed + unknown;
      if (progress !== this.progress) this.lastProgress = performance.now();
      this.progress = progress;
      if (performance.now() - this.lastProgress > STUCK) {
        const states = this.registry.list().map(({ queue, state, inFlight, held }) => `${queue}: ${state}, ${inFlight} in flight, ${held} held`); // prettier-ignore
        throw new Error(`no progress while waiting for: ${what}; ${states.join('; ')}`);
      }
      await delay(5);
    }
  }

  private figures(): MixedFigures {
    const { confirmed, unknown, calls, retried, stale, twins, wrong, differences } = this.ledger;
    const seconds = Math.round((performance.now() - this.started) / 100) / 10;
    const { heap, mostHeld: held } = this;
    const { prefetch } = this.options;
    return { prefetch, seconds, confirmed, unknown, calls, retried, stale, twins, held, heap, kinds: this.ledger.report(), wrong, differences }; // prettier-ignore
  }
}

function reasonIn(headers: Readonly<Record<string, unknown>>): string | undefined {
  const history = headers['x-nest-amqp-retry'] as { 'last-failure'?: { message?: string } } | undefined;
  return history?.['last-failure']?.message;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items.map((item) => ({ item, at: random() })).sort((a, b) => a.at - b.at).map(({ item }) => item); // prettier-ignore
}

let collect: (() => void) | undefined;

/** Returns the bytes of the heap after a full garbage collection. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  collect ??= runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
