import type { Clock } from '../../environment/index.js';
import { Fifo } from '../queue/fifo.js';

/**
 * Pieces of work that a turn of the event loop does: a frame, a message put into a queue, a delivery, a settlement, a queue
 * deleted. A piece takes some microseconds. They are counted, not timed: the same work is cut the same way on every machine,
 * and on virtual time.
 */
const PIECES_A_TURN = 2_000;

/** Number of pieces that one waiting task may do while others wait behind it. */
const PIECES_AT_A_TIME = 500;

/** Work of many pieces. It may be interrupted at each `yield`. */
export type Work = Generator<void, void, void>;

/**
 * Divides the broker's work over turns of the event loop. One publish to a hundred queues is quick, but a publish to
 * ten thousand queues is not, nor is a chunk of a thousand such publishes, and a hundred sockets may bring such a chunk
 * at once.
 */
export class Turns {
  private done = 0;
  /** The limit of `done` for the running task. */
  private limit = PIECES_A_TURN;
  private planned = false;
  private finishing = false;
  private readonly waiting = new Fifo<() => void>();

  /** @param onError gets the error of work in a later turn, where nobody else would */
  constructor(
    private readonly clock: Clock,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Counts pieces of work that were done in this turn. */
  spend(pieces: number): void {
    this.done += pieces;
    this.plan();
  }

  /** True while work waits for a later turn. */
  get isWorking(): boolean {
    return this.waiting.length > 0;
  }

  /** True if this turn, or the running task, has done its part and the rest has to wait. */
  get over(): boolean {
    return this.done >= this.limit && !this.finishing;
  }

  /**
   * Does as much of the work as this turn has room for, at least one piece. Returns true if the work is done. @throws
   * what the work throws
   */
  advance(work: Work): boolean {
    do {
      if (work.next().done) return true;
    } while (!this.over);
    return false;
  }

  /**
   * Does the work in this turn and, as far as it has no room, in later turns. @throws what the work throws in this turn
   */
  run(work: Work): void {
    if (!this.advance(work)) this.later(() => this.run(work));
  }

  /** Calls `run` in a turn that has room for it, after the tasks that already wait. */
  later(run: () => void): void {
    this.waiting.push(run);
    this.plan();
  }

  /** Does all waiting work at once. */
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
