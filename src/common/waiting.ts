import { within, type Clock } from '../../lib/environment/index.js';

/** Ms of a stop beyond the grace period, in which channels and connections are closed. */
export const FAREWELL = 1_000;

/** Returns true if the work is done within `ms`, else false; the work goes on. @throws the work's own error */
export function isDoneWithin(clock: Pick<Clock, 'after'>, timeout: number, work: Promise<unknown>): Promise<boolean> {
  const done = work.then(() => true);
  return within(done, { clock, timeout }, () => false);
}
