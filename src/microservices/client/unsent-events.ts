import type { Clock } from '../../../lib/environment/index.js';
import type { FieldLogger } from '../../common/field-logger.js';
import { describeError } from '../../common/log-text.js';

/** Time over which events that fail for the same reason share a line, ms. */
const WINDOW = 1_000;

/** Logs the events that were not sent: one line for each reason, with their number. */
export class UnsentEvents {
  /** Number of events by reason. */
  private readonly counts = new Map<string, number>();
  private cancel: (() => void) | undefined;

  /** @param clock is called late: a shared connection does not exist yet when its client is made */
  constructor(
    private readonly target: string,
    private readonly logger: FieldLogger,
    private readonly clock: () => Clock,
  ) {}

  add(reason: unknown): void {
    const text = describeError(reason);
    this.counts.set(text, (this.counts.get(text) ?? 0) + 1);
    this.cancel ??= this.clock().after(WINDOW, () => this.flush(), { keepAlive: false });
  }

  /** Logs what was added so far. */
  flush(): void {
    this.cancel?.();
    this.cancel = undefined;
    for (const [reason, count] of this.counts) {
      const what = count === 1 ? 'An event was' : `${count} events were`;
      this.logger.warn(`${what} not sent to ${this.target}: ${reason}`, { target: this.target, events: count });
    }
    this.counts.clear();
  }
}
