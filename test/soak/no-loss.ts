import { setTimeout as delay } from 'node:timers/promises';
import {
  connect,
  ConnectionLostError,
  PublishNackedError,
  type Channel,
  type Connection,
  type ConnectionOptions,
} from '../../lib/client/index.js';
import type { RabbitMq } from '../support/rabbitmq.js';
import { seededRandom } from '../support/random.js';
import { TcpProxy } from '../support/tcp-proxy.js';

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

export interface SoakFigures {
  readonly seconds: number;
  /** Publishes that resolved: the broker has confirmed them. */
  readonly confirmed: number;
  /** Publishes that were rejected with outcome 'unknown'. */
  readonly unknown: number;
  /** Publishes that the broker refused (basic.nack). With `republishUnconfirmed` they are published again here. */
  readonly nacked: number;
  readonly consumed: number;
  /** Deliveries of what had been delivered before. */
  readonly repeated: number;
  readonly cuts: number;
  readonly kills: number;
  /** Connections lost, of the publisher and of the consumer. */
  readonly losses: readonly [publisher: number, consumer: number];
  /** Confirmed, and never consumed. Must be 0. */
  readonly lost: number;
  /** Published, and never consumed. Must be 0 with `republishUnconfirmed`. */
  readonly missing: number;
  /** Consumed, and never published. Must be 0. */
  readonly invented: number;
}

const CONFIRMED = 1;
const UNKNOWN = 2;

/**
 * Publishes numbered messages to a durable quorum queue, with many confirms in flight, and consumes them with acks,
 * while connections are cut and the broker is killed; then compares what was confirmed with what was consumed.
 *
 * @throws Error when something hangs, or a publish fails in a way that it must not
 */
export async function soak(rabbit: RabbitMq, options: SoakOptions): Promise<SoakFigures> {
  const run = new Soak(rabbit, options);
  try {
    return await run.run();
  } finally {
    await run.close();
  }
}

class Soak {
  private readonly outcomes: Uint8Array;
  private readonly seen: Uint16Array;
  private readonly random: () => number;
  private readonly queue = `soak-${process.pid}-${Date.now()}`;
  private readonly losses: [number, number] = [0, 0];
  private proxy!: TcpProxy;
  private publisher!: Connection;
  private consumer!: Connection;
  private settled = 0;
  private nacked = 0;
  private consumed = 0;
  private repeated = 0;
  private invented = 0;
  private failure: Error | undefined;
  private lastProgress = performance.now();

  constructor(
    private readonly rabbit: RabbitMq,
    private readonly options: SoakOptions,
  ) {
    this.outcomes = new Uint8Array(options.messages);
    this.seen = new Uint16Array(options.messages);
    this.random = seededRandom(options.seed);
  }

  async run(): Promise<SoakFigures> {
    const started = performance.now();
    this.proxy = await TcpProxy.start(this.rabbit.port);
    const client: ConnectionOptions = {
      urls: `amqp://127.0.0.1:${this.proxy.port}`,
      reconnect: { initialDelay: 20, maxDelay: 500 },
      heartbeat: 10,
    };
    [this.publisher, this.consumer] = [await connect(client), await connect(client)];
    this.publisher.on('disconnected', () => this.losses[0]++);
    this.consumer.on('disconnected', () => this.losses[1]++);
    await this.consume();
    await this.rabbit.flush();

    const ticker = setInterval(() => this.progress(), 1_000);
    try {
      const faults = this.faults();
      // A fault that fails ends the publishing, which would wait for its moment for ever.
      faults.catch((error: unknown) => (this.failure ??= error as Error));
      await this.publish();
      await faults;
      await this.drained();
    } finally {
      clearInterval(ticker);
    }
    this.progress();
    return this.figures((performance.now() - started) / 1_000);
  }

  async close(): Promise<void> {
    await this.publisher?.close();
    await this.consumer?.close();
    await this.proxy?.close();
    // Not through the proxy, where a cut may still be due.
    await using connection = await connect({ urls: this.rabbit.url, reconnect: false });
    const channel = await connection.openChannel();
    await channel.queueDelete(this.queue);
  }

  private async consume(): Promise<void> {
    const channel = await this.consumer.openChannel({ prefetch: 200 });
    await channel.queueDeclare(this.queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await channel.basicConsume(this.queue, (delivery) => {
      const id = Number(delivery.text());
      if (!(id >= 0 && id < this.seen.length)) this.invented++;
      else if (this.seen[id]!++ === 0) this.consumed++;
      else this.repeated++;
      delivery.ack();
      this.lastProgress = performance.now();
    });
    // The consumer has to survive whatever comes.
    channel.on('consumerCancelled', (error) => (this.failure ??= error));
    channel.on('closed', (error) => (this.failure ??= error));
  }

  private async publish(): Promise<void> {
    const { messages, republishUnconfirmed, window = 500 } = this.options;
    const channel = await this.publisher.openChannel({
      confirm: true,
      maxUnconfirmed: window,
      publishTimeout: 300_000,
      republishUnconfirmed,
    });
    let inFlight = 0;
    let wake: (() => void) | undefined;
    for (let id = 0; id < messages; id++) {
      inFlight++;
      void this.publishOne(channel, id).then(() => {
        inFlight--;
        this.settled++;
        this.lastProgress = performance.now();
        wake?.();
      });
      while (inFlight >= window) {
        await new Promise<void>((resolve) => (wake = resolve));
        this.check();
      }
    }
    while (inFlight > 0) await new Promise<void>((resolve) => (wake = resolve));
    this.check();
  }

  private async publishOne(channel: Channel, id: number): Promise<void> {
    for (;;) {
      try {
        await channel.publish('', this.queue, String(id), { deliveryMode: 2, mandatory: true });
        this.outcomes[id] = CONFIRMED;
        return;
      } catch (error) {
        if (error instanceof PublishNackedError) {
          this.nacked++;
          if (this.options.republishUnconfirmed) continue;
          return;
        }
        if (error instanceof ConnectionLostError && error.outcome === 'unknown' && !this.options.republishUnconfirmed) {
          this.outcomes[id] = UNKNOWN;
          return;
        }
        this.failure ??= error as Error;
        return;
      }
    }
  }

  /** Each at a random moment of the run, and only while both connections are up: so each is a loss. */
  private async faults(): Promise<void> {
    const { cuts, kills, messages } = this.options;
    const moment = (): number => Math.floor(this.random() * 0.95 * messages);
    const plan = [
      ...Array.from({ length: cuts }, () => ({ at: moment(), kill: false })),
      ...Array.from({ length: kills }, () => ({ at: moment(), kill: true })),
    ].sort((a, b) => a.at - b.at);
    for (const { at, kill } of plan) {
      await this.until(() => this.settled >= at && this.publisher.isAlive && this.consumer.isAlive);
      await this.until(() => this.publisher.state === 'open' && this.consumer.state === 'open');
      if (kill) {
        await this.rabbit.kill();
        await delay(this.random() * 500);
        await this.rabbit.start();
      } else await this.cut();
    }
  }

  private async cut(): Promise<void> {
    const kind = this.random();
    if (kind < 0.4) return this.proxy.cut();
    const direction = kind < 0.7 ? 'toServer' : 'toClient';
    const cut = this.proxy.cutAfterBytes(Math.floor(this.random() * 20_000), direction);
    // Where nothing flows any more, now.
    await Promise.race([cut, delay(1_000, undefined, { ref: false }).then(() => this.proxy.cut())]);
  }

  private async drained(): Promise<void> {
    await this.until(() => this.count((id) => this.outcomes[id] === CONFIRMED && this.seen[id] === 0) === 0, false);
    // What is in doubt may still be in the queue.
    await this.until(() => this.isEmpty(), false);
    await delay(200);
  }

  private async isEmpty(): Promise<boolean> {
    try {
      await using channel = await this.consumer.openChannel({ restore: false });
      return (await channel.queueDeclare(this.queue, { passive: true })).messageCount === 0;
    } catch (error) {
      // The last cut may not have reached the consumer yet.
      if (error instanceof ConnectionLostError) return false;
      throw error;
    }
  }

  /** Looks again and again; not so after a minute without any progress is a failure, or the end where that is no error. */
  private async until(condition: () => boolean | Promise<boolean>, mustCome = true): Promise<void> {
    while (!(await condition())) {
      this.check();
      if (performance.now() - this.lastProgress > 60_000) {
        if (!mustCome) return;
        const states = `publisher ${this.publisher.state}, consumer ${this.consumer.state}`;
        throw new Error(`nothing has moved for a minute; ${this.line()}; ${states}`);
      }
      await delay(5);
    }
  }

  private check(): void {
    if (this.failure) throw this.failure;
  }

  private count(fits: (id: number) => boolean): number {
    let count = 0;
    for (let id = 0; id < this.outcomes.length; id++) if (fits(id)) count++;
    return count;
  }

  private figures(seconds: number): SoakFigures {
    const { cuts, kills } = this.options;
    return {
      seconds: Math.round(seconds * 10) / 10,
      confirmed: this.count((id) => this.outcomes[id] === CONFIRMED),
      unknown: this.count((id) => this.outcomes[id] === UNKNOWN),
      nacked: this.nacked,
      consumed: this.consumed,
      repeated: this.repeated,
      cuts,
      kills,
      losses: this.losses,
      lost: this.count((id) => this.outcomes[id] === CONFIRMED && this.seen[id] === 0),
      missing: this.count((id) => this.seen[id] === 0),
      invented: this.invented,
    };
  }

  private line(): string {
    const { messages } = this.options;
    const [publisher, consumer] = this.losses;
    return `${this.settled} of ${messages} published, ${this.consumed} consumed, ${publisher} + ${consumer} connections lost`;
  }

  private progress(): void {
    this.options.onProgress?.(this.line());
  }
}
