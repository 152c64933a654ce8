import type { Clock } from '../../environment/index.js';
import { Fifo } from '../queue/fifo.js';

/**
 * Pieces of work that a turn of the event loop does: a frame, a message put into a queue, a delivery, a settlement, a queue
 * deleted. A piece takes some microseconds. They are counted, not timed: the same work is cut the same way on every machine,
 * and on virtual time.
 */
const PIECES_A_TURN = 2_000;

/** Pieces that one of those who wait gets at a time, while others wait behind it. */
const PIECES_AT_A_TIME = 500;

/** Work of many pieces: `yield` stands where it may be cut. */
export type Work = Generator<void, void, void>;

/**
 * Cuts the broker's work, so that the event loop turns in between: one publish to a hundred queues is quick; to ten thousand,
 * or a socket's chunk of a thousand such publishes, is not, and a hundred sockets may bring one each.
 */
export class Turns {
  private done = 0;
  /** Of `done`, for whoever is at work. */
  private limit = PIECES_A_TURN;
  private planned = false;
  private finishing = false;
  private readonly waiting = new Fifo<() => void>();

  /** @param onError gets what work throws in a later turn, where nobody else would */
  constructor(
    private readonly clock: Clock,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** So much was done in this turn. */
  spend(pieces: number): void {
    this.done += pieces;
    this.plan();
  }

  /** This turn has done its part, or whoever is at work has: what can wait is for later. */
  get over(): boolean {
    return this.done >= this.limit && !this.finishing;
  }

  /** Does as much of the work as this turn has room for, a piece at least. True: that was all. @throws what the work throws */
  advance(work: Work): boolean {
    do {
      if (work.next().done) return true;
    } while (!this.over);
    return false;
  }

  /** Does the work, what this turn has no room for in the turns that follow. @throws what the work throws in this turn */
  run(work: Work): void {
    if (!this.advance(work)) this.later(() => this.run(work));
  }

  /** Runs `run` in a turn that has room for it, after those that wait already, who all get a part of a turn. */
  later(run: () => void): void {
    this.waiting.push(run);
    this.plan();
  }

  /** Does at once all that waits for a later turn, however much that is. */
  finish(): void {
    this.finishing = true;
    this.runWaiting();
    this.finishing = false;
  }

  private plan(): void {
    if (this.planned) return;
    this.planned = true;
    this.clock.afterPendingEvents(() => {
      this.planned = false;
      this.done = 0;
      this.runWaiting();
      if (this.waiting.length > 0) this.plan();
    });
  }

  private runWaiting(): void {
    while (!this.over && this.waiting.length > 0) {
      const run = this.waiting.shift()!;
      if (this.waiting.length > 0) this.limit = Math.min(PIECES_A_TURN, this.done + PIECES_AT_A_TIME);
      try {
        run();
      } catch (error) {
        this.onError(error);
      }
      this.limit = PIECES_A_TURN;
    }
  }
}
