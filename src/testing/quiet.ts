import type { Clock } from '../../lib/environment/index.js';
import type { EmbeddedBroker } from '../../lib/broker/index.js';
import type { AttachedApps } from './attached-apps.js';
import { HarnessTimeoutError } from './testing.errors.js';

/** Waits until nothing is in flight. It checks only when the broker's journal has grown. */
export class Quiet {
  /** Counts requests of clients and moves of messages. */
  private steps = 0;
  private waiting: (() => void)[] = [];
  private planned = false;

  constructor(
    private readonly broker: EmbeddedBroker,
    private readonly apps: AttachedApps,
    private readonly clock: Clock,
  ) {
    broker.journal.watch(() => {
      this.steps++;
      this.plan();
    });
  }

  /**
   * @param timeout ms
   * @throws HarnessTimeoutError that says what is still in flight
   */
  async wait(timeout: number): Promise<void> {
    let late = false;
    let cancel = (): void => {};
    const deadline = new Promise<never>((_, reject) => {
      cancel = this.clock.after(timeout, () => {
        late = true;
        reject(new HarnessTimeoutError(`not idle after ${timeout} ms: ${this.describe()}`));
      });
    });
    const work = async (): Promise<void> => {
      let others: number;
      do {
        while (!late && this.broker.isWorking) await new Promise<void>((next) => this.clock.afterPendingEvents(next));
        while (this.busy.length > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
        const before = this.steps;
        const own = await this.apps.roundTrip();
        // An application that opens a channel may be about to publish.
        others = this.steps - before - own;
      } while (!late && (others !== 0 || this.busy.length > 0 || this.broker.isWorking));
    };
    try {
      await Promise.race([work(), deadline]);
    } finally {
      cancel();
    }
  }

  /**
   * Counts messages that a consumer has or is about to get. Messages without a consumer and messages in delay queues do
   * not count.
   */
  private get busy() {
    return this.broker.queues.filter(
      ({ messages, unacknowledged, consumers }) => unacknowledged > 0 || (messages > 0 && consumers > 0),
    );
  }

  private describe(): string {
    const queues = this.busy.map(
      ({ name, messages, unacknowledged }) => `'${name}' has ${messages} ready and ${unacknowledged} unacknowledged`,
    );
    return queues.join(', ') || 'the queues are idle, but a connection of the application does not answer';
  }

  /** Checks in the next turn, since the journal is written in the middle of the broker's work. */
  private plan(): void {
    if (this.planned || this.waiting.length === 0) return;
    this.planned = true;
    this.clock.afterPendingEvents(() => {
      this.planned = false;
      for (const resolve of this.waiting.splice(0)) resolve();
    });
  }
}
