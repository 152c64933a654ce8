import { setTimeout as delay } from 'node:timers/promises';
import {
  ChannelClosedError,
  connect,
  ConnectionLostError,
  PublishNackedError,
  type Channel,
  type Connection,
  type ConnectionOptions,
} from '../../lib/client/index.js';
import { Ledger } from './ledger.js';

/** Milliseconds without any progress after which a run has failed. */
const PATIENCE = 60_000;

/** A message of this run may need more than 20 deliveries, the default limit of a quorum queue on RabbitMQ 4. */
const DELIVERY_LIMIT = 1_000_000;

export interface SoakRunOptions {
  readonly connection: ConnectionOptions;
  readonly republishUnconfirmed: boolean;
  /** Publishes in flight. Default 500. */
  readonly window?: number | undefined;
  /** Pause (ms) between two publishes. Default 0. */
  readonly pause?: number;
  /** Pause (ms) before a publish that was refused (nacked) is repeated. Default 10. */
  readonly nackPause?: number;
  /** Called regularly with a line of progress. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

export interface SoakFigures {
  readonly seconds: number;
  /** Publishes that resolved: the broker has confirmed them. */
  readonly confirmed: number;
  /** Publishes that were rejected with outcome 'unknown'. */
  readonly unknown: number;
  /** Publishes that the broker refused (basic.nack). With `republishUnconfirmed` the run publishes them again. */
  readonly nacked: number;
  readonly consumed: number;
  /** Deliveries of messages that had been delivered before. */
  readonly repeated: number;
  /** Lost connections of the publisher and of the consumer. */
  readonly losses: readonly [publisher: number, consumer: number];
  /** Messages that were confirmed and never consumed. Must be 0. */
  readonly lost: number;
  /** Messages that were published and never consumed. Must be 0 with `republishUnconfirmed`. */
  readonly missing: number;
  /** Messages that were consumed and never published. Must be 0. */
  readonly invented: number;
}

/** Calls `seen` when a message with the number `from` or higher is confirmed or consumed. */
interface Watcher {
  readonly from: number;
  readonly seen: () => void;
}

/** The number of events that an error quotes. */
const TOLD = 30;

/**
 * Publishes numbered messages to a durable quorum queue, with many confirms in flight, and consumes them with acks on
 * another connection, through all faults; then compares the confirmed messages with the consumed ones.
 */
export class SoakRun implements AsyncDisposable {
  readonly queue = `soak-${process.pid}-${Date.now()}`;
  private readonly ledger = new Ledger();
  private readonly losses: [number, number] = [0, 0];
  private readonly confirmWatchers = new Set<Watcher>();
  private readonly deliveryWatchers = new Set<Watcher>();
  private readonly started = performance.now();
  private nacked = 0;
  private failure: Error | undefined;
  /** Resumes `publish()`. */
  private wake = (): void => {};
  /** The last events of the connections. */
  private readonly told: string[] = [];
  private lastProgress = performance.now();

  private constructor(
    private readonly options: SoakRunOptions,
    readonly publisher: Connection,
    readonly consumer: Connection,
    /** The channel that publishes. */
    readonly publishing: Channel,
  ) {
    publisher.on('disconnected', () => this.losses[0]++);
    consumer.on('disconnected', () => this.losses[1]++);
    this.note('publisher', publisher);
    this.note('consumer', consumer);
  }

  /** Connects, declares the queue and starts to consume. */
  static async start(options: SoakRunOptions): Promise<SoakRun> {
    const [publisher, consumer] = [await connect(options.connection), await connect(options.connection)];
    const publishing = await publisher.openChannel({
      confirm: true,
      maxUnconfirmed: options.window ?? 500,
      publishTimeout: 300_000,
      republishUnconfirmed: options.republishUnconfirmed,
    });
    const run = new SoakRun(options, publisher, consumer, publishing);
    await run.consume();
    return run;
  }

  /** The number of publishes that have their outcome. */
  get settled(): number {
    return this.ledger.confirmed + this.ledger.unknown + (this.options.republishUnconfirmed ? 0 : this.nacked);
  }

  /**
   * Publishes while `meanwhile` runs, then consumes the messages that the broker still has.
   *
   * @param messages how many to publish, however long `meanwhile` takes; Infinity publishes until `meanwhile` ends
   * @throws Error when the run hangs, or a publish fails in an unexpected way
   */
  async run(messages: number, meanwhile: () => Promise<void>): Promise<SoakFigures> {
    const ticker = setInterval(() => this.progress(), 1_000);
    try {
      let over = false;
      // A fault that fails ends the publishing, which would otherwise wait for ever.
      const faults = meanwhile()
        .catch((error: unknown) => this.fail(error as Error))
        .finally(() => (over = true));
      await this.publish(() => this.ledger.published < messages && (messages < Infinity || !over));
      await faults;
      this.check();
      await this.drained();
    } finally {
      clearInterval(ticker);
    }
    this.progress();
    return this.figures();
  }

  /**
   * Resolves with the time, on the clock of `performance.now()`, at which the first publish that is called from now on is
   * confirmed.
   */
  nextConfirm(): Promise<number> {
    return this.watch(this.confirmWatchers);
  }

  /** Resolves with the time, on the same clock, at which the first message that is published from now on is consumed. */
  nextDelivery(): Promise<number> {
    return this.watch(this.deliveryWatchers);
  }

  /** Restarts the minute without progress. */
  goesOn(): void {
    this.lastProgress = performance.now();
  }

  /** Polls until the condition holds. @throws Error after a minute without any progress */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    if (!(await this.comes(condition))) {
      const states = `publisher ${this.publisher.state}, consumer ${this.consumer.state}`;
      throw new Error(`no progress for a minute; ${this.line()}; ${states}\n${this.told.join('\n')}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.publisher.close();
    await this.consumer.close();
  }

  private note(name: string, connection: Connection): void {
    for (const event of ['disconnected', 'reconnected', 'reconnectFailed', 'restoreFailed'] as const) {
      connection.on(event, (...causes: readonly unknown[]) => {
        const seconds = ((performance.now() - this.started) / 1_000).toFixed(1);
        const why = causes.map((cause) => (cause instanceof Error ? cause.message : String(cause))).join(', ');
        this.told.push(`${seconds} s: ${name} ${event}: ${why}`);
        if (this.told.length > TOLD) this.told.shift();
      });
    }
  }

  private async consume(): Promise<void> {
    const channel = await this.consumer.openChannel({ prefetch: 200 });
    await channel.queueDeclare(this.queue, {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': DELIVERY_LIMIT },
    });
    await channel.basicConsume(this.queue, (delivery) => {
      const id = Number(delivery.text());
      this.ledger.deliver(id);
      delivery.ack();
      this.moved(this.deliveryWatchers, id);
    });
    // The consumer must survive all faults.
    channel.on('consumerCancelled', (error) => this.fail(error));
    channel.on('closed', (error) => this.fail(error));
  }

  private async publish(goesOn: () => boolean): Promise<void> {
    const { window = 500, pause = 0 } = this.options;
    let inFlight = 0;
    while (goesOn()) {
      inFlight++;
      void this.publishOne(this.ledger.publish()).then(() => {
        inFlight--;
        this.wake();
      });
      if (pause > 0) await delay(pause);
      while (inFlight >= window) {
        await this.woken();
      }
    }
    while (inFlight > 0) await this.woken();
  }

  private async publishOne(id: number): Promise<void> {
    const { republishUnconfirmed, nackPause = 10 } = this.options;
    for (;;) {
      try {
        await this.publishing.publish('', this.queue, String(id), { deliveryMode: 2, mandatory: true });
        this.ledger.confirm(id);
        return this.moved(this.confirmWatchers, id);
      } catch (error) {
        if (error instanceof PublishNackedError) {
          this.nacked++;
          await delay(nackPause);
          if (republishUnconfirmed) continue;
          return;
        }
        if (error instanceof ConnectionLostError || error instanceof ChannelClosedError) {
          if (error.outcome === 'unknown' && !republishUnconfirmed) return this.ledger.doubt(id);
        }
        this.fail(error as Error);
        return;
      }
    }
  }

  private async drained(): Promise<void> {
    await this.comes(() => this.ledger.lost === 0);
    // Messages with an unknown outcome may still be in the queue.
    await this.comes(() => this.isEmpty());
    await delay(200);
  }

  private async isEmpty(): Promise<boolean> {
    try {
      await using channel = await this.consumer.openChannel({ restore: false });
      return (await channel.queueDeclare(this.queue, { passive: true })).messageCount === 0;
    } catch (error) {
      // The consumer may not have noticed the last cut yet.
      if (error instanceof ConnectionLostError) return false;
      throw error;
    }
  }

  /** Polls until the condition holds. Resolves with false after a minute without any progress. */
  private async comes(condition: () => boolean | Promise<boolean>): Promise<boolean> {
    while (!(await condition())) {
      this.check();
      if (performance.now() - this.lastProgress > PATIENCE) return false;
      await delay(5);
    }
    return true;
  }

  private watch(watchers: Set<Watcher>): Promise<number> {
    return new Promise((resolve) => {
      const watcher: Watcher = {
        from: this.ledger.published,
        seen: () => {
          watchers.delete(watcher);
          resolve(performance.now());
        },
      };
      watchers.add(watcher);
    });
  }

  private moved(watchers: Set<Watcher>, id: number): void {
    this.lastProgress = performance.now();
    for (const { from, seen } of watchers) if (id >= from) seen();
  }

  private async woken(): Promise<void> {
    await new Promise<void>((resolve) => (this.wake = resolve));
    this.check();
  }

  /** Stores the first failure and ends all waiting. */
  private fail(error: Error | undefined): void {
    this.failure ??= error;
    this.wake();
  }

  private check(): void {
    if (this.failure) throw this.failure;
  }

  private figures(): SoakFigures {
    const { confirmed, unknown, consumed, repeated, lost, missing, invented } = this.ledger;
    const seconds = Math.round((performance.now() - this.started) / 100) / 10;
    const { nacked, losses } = this;
    return { seconds, confirmed, unknown, nacked, consumed, repeated, losses, lost, missing, invented };
  }

  private line(): string {
    const [publisher, consumer] = this.losses;
    const { published, consumed } = this.ledger;
    return `${this.settled} of ${published} published settled, ${consumed} consumed, ${publisher} + ${consumer} connections lost`;
  }

  private progress(): void {
    this.options.onProgress?.(this.line());
  }
}
