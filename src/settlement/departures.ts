import type { Clock } from '../../lib/environment/index.js';
import type { Delivery } from '../../lib/client/index.js';

/** Time in ms after which a message with an unconfirmed copy is held, and later messages may pass it. */
const PATIENCE = 1_000;
/** Wait in ms until the next attempt to publish a copy: the first and the longest. */
const PAUSE = { first: 1_000, max: 30_000 } as const;

/**
 * The end of a departure. `left`: the broker has the copy. `given-back`: the consumer is paused or stops. `lost`: the
 * channel of the message was lost, so the broker delivers it again. `settled`: the handler has settled the message.
 */
export type DepartureEnd = 'left' | 'given-back' | 'lost' | 'settled';

/** A message that moves to another queue. */
export interface Departure {
  readonly delivery: Delivery;
  /** True if no message may pass it: its caller waits for its end. */
  readonly patient: boolean;
  /** Publishes the copy. Resolves when the broker has confirmed it. */
  publish(): Promise<void>;
  /** Called when the first attempt has failed. Others follow. */
  heldUp(error: unknown): void;
  ended(how: DepartureEnd): void;
}

interface Entry {
  readonly departure: Departure;
  /** Resolves `begin()`. */
  readonly release: () => void;
  /** True while the copy is being published, false while the next attempt is awaited. */
  publishing: boolean;
  /** True if later messages may pass it. */
  held: boolean;
  /** The end of the departure if the pending attempt fails. */
  ending: DepartureEnd | undefined;
  /** Ends the wait for the next attempt. */
  wake: (() => void) | undefined;
}

/**
 * The messages of one consumer that move to a delay or parked queue. A message is settled when the broker has confirmed
 * its copy. Until then it stays unsettled, and its copy is published again and again. Even if the broker blocks
 * publishers for long, a message that cannot leave within a second delays no other.
 */
export class Departures {
  private readonly entries = new Set<Entry>();
  private idleWaiters: (() => void)[] = [];

  /** @param onHeldChange called when the number of held messages changes */
  constructor(
    private readonly clock: Pick<Clock, 'after'>,
    private readonly onHeldChange: () => void,
  ) {}

  /** The held messages. */
  get held(): readonly Delivery[] {
    return [...this.entries].filter(({ held }) => held).map(({ departure }) => departure.delivery);
  }

  /** Starts a departure. Resolves when it has ended or, unless it is patient, is held. Never rejects. */
  begin(departure: Departure): Promise<void> {
    return new Promise<void>((resolve) => {
      const entry: Entry = { departure, release: resolve, publishing: true, held: false, ending: undefined, wake: undefined }; // prettier-ignore
      this.entries.add(entry);
      const cancel = departure.patient
        ? () => {}
        : this.clock.after(PATIENCE, () => this.hold(entry), { keepAlive: false });
      void this.run(entry).then(() => {
        cancel();
        resolve();
      });
    });
  }

  /** Resolves when no copy is on its way. */
  idle(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  /** Ends all departures as soon as pending copies are confirmed or have failed. */
  end(how: DepartureEnd): void {
    for (const entry of this.entries) {
      entry.ending ??= how;
      entry.wake?.();
    }
  }

  private get isIdle(): boolean {
    return [...this.entries].every(({ publishing }) => !publishing);
  }

  private async run(entry: Entry): Promise<void> {
    const { departure } = entry;
    for (let wait: number = PAUSE.first; ; wait = Math.min(2 * wait, PAUSE.max)) {
      entry.publishing = true;
      try {
        await departure.publish();
        return this.finish(entry, 'left');
      } catch (error) {
        if (wait === PAUSE.first) departure.heldUp(error);
      }
      entry.publishing = false;
      this.notifyIdle();
      if (!departure.patient) this.hold(entry);
      if (entry.ending === undefined) await this.pause(entry, wait);
      if (departure.delivery.settled) return this.finish(entry, 'settled');
      if (entry.ending !== undefined) return this.finish(entry, entry.ending);
    }
  }

  private pause(entry: Entry, ms: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const cancel = this.clock.after(ms, () => {
        entry.wake = undefined;
        resolve();
      });
      entry.wake = () => {
        cancel();
        resolve();
      };
    });
  }

  private hold(entry: Entry): void {
    if (entry.held || !this.entries.has(entry)) return;
    entry.held = true;
    entry.release();
    this.onHeldChange();
  }

  private finish(entry: Entry, how: DepartureEnd): void {
    this.entries.delete(entry);
    this.notifyIdle();
    entry.departure.ended(how);
    if (entry.held) this.onHeldChange();
  }

  private notifyIdle(): void {
    if (this.idleWaiters.length > 0 && this.isIdle) for (const resolve of this.idleWaiters.splice(0)) resolve();
  }
}
