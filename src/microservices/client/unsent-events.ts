import type { Logger } from '@nestjs/common';
import type { Clock } from '../../../lib/environment/index.js';
import { describeError } from '../../common/log-text.js';

/** Logs the events that were not sent: one line for each reason, however many share it at a time. */
export class UnsentEvents {
  private readonly counts = new Map<string, number>();

  /** @param clock found late: a shared connection is not there yet when its client is */
  constructor(
    private readonly target: string,
    private readonly logger: Logger,
    private readonly clock: () => Clock,
  ) {}

  add(reason: unknown): void {
    const text = describeError(reason);
    const count = this.counts.get(text) ?? 0;
    this.counts.set(text, count + 1);
    if (count === 0) this.clock().afterPendingEvents(() => this.tell(text));
  }

  private tell(reason: string): void {
    const count = this.counts.get(reason);
    this.counts.delete(reason);
    this.logger.warn(`${count === 1 ? 'An event was' : `${count} events were`} not sent to ${this.target}: ${reason}`);
  }
}
