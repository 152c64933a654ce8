import type { Clock } from '../../environment/index.js';
import { Fifo } from '../queue/fifo.js';

/**
 * Pieces of work that a turn of the event loop does: a frame, a message put into a queue, a delivery. A piece takes some
 * microseconds. They are counted, not timed: the same work is cut the same way on every machine, and on virtual time.
 */
const PIECES_A_TURN = 5_000;

/**
 * Cuts the broker's work, so that the event loop turns in between: one publish to a thousand queues is quick, a socket's
 * chunk of a thousand such publishes is not, and a hundred sockets may bring one each.
 */
export class Turns {
  private done = 0;
  private planned = false;
  private readonly waiting = new Fifo<() => void>();

  constructor(private readonly clock: Clock) {}

  /** So much was done in this turn. */
  spend(pieces: number): void {
    this.done += pieces;
    this.plan();
  }

  /** This turn has done its part: what can wait is for the next. */
  get over(): boolean {
    return this.done >= PIECES_A_TURN;
  }

  /** Runs `run` in a turn that has room for it, after those that wait already. */
  later(run: () => void): void {
    this.waiting.push(run);
    this.plan();
  }

  private plan(): void {
    if (this.planned) return;
    this.planned = true;
    this.clock.afterPendingEvents(() => {
      this.planned = false;
      this.done = 0;
      while (!this.over && this.waiting.length > 0) this.waiting.shift()!();
      if (this.waiting.length > 0) this.plan();
    });
  }
}
