import { AmqpError, TimeoutError } from '../../../lib/client/index.js';
import type { Oracle } from '../engine/oracle.js';
import type { Trace } from '../engine/trace.js';
import type { VirtualClock } from '../engine/virtual-clock.js';

/** The time that a promise may exceed its deadline, ms: timers are whole ms, and one wait may follow another. */
const SLACK = 50;

/** An error that a user's callback throws on purpose. */
export class UserError extends Error {}

/** The reason of a user's signal. */
export class Aborted extends Error {}

/**
 * The synchronous calls of one channel. The broker answers them in order, and the default deadline begins anew with each
 * answer: so a call may take as many deadlines as there are calls before it, and one more for those of a restore.
 */
export class CallsInOrder {
  private unanswered = 0;

  constructor(private readonly rpcTimeout: number) {}

  /** Returns the time that a call may take, ms. */
  limit(timeout: number | undefined, abortAfter = Infinity): Expectation {
    const within = timeout ?? this.rpcTimeout * (2 + this.unanswered);
    return { within: Math.min(within, abortAfter), asked: timeout, calls: this };
  }

  begin(): void {
    this.unanswered++;
  }

  /** Ends a call. The broker still answers a call whose caller has stopped waiting. */
  end(error: unknown): void {
    if (!(error instanceof TimeoutError) && !(error instanceof Aborted)) this.unanswered--;
  }
}

interface Expectation {
  /** The time in which the promise must settle, ms. */
  readonly within: number;
  /** The caller's deadline, if it is for the whole call, ms. */
  readonly asked?: number | undefined;
  /** The calls of its channel, for a synchronous method. */
  readonly calls?: CallsInOrder;
  readonly invariant?: string;
}

/** Checks that every promise of the client settles in time, and that every error has a type of the client. */
export class Promises {
  /** Calls that have not settled yet. */
  private readonly open = new Map<number, string>();
  private lastId = 0;

  constructor(
    private readonly clock: VirtualClock,
    private readonly oracle: Oracle,
    private readonly trace: Trace,
  ) {}

  get pending(): readonly string[] {
    return [...this.open.values()];
  }

  /** Calls `call`, then calls `then` with the outcome. */
  watch<T>(
    what: string,
    call: () => Promise<T>,
    expected: Expectation,
    then?: (error: unknown, value?: T) => void,
  ): void {
    const id = ++this.lastId;
    const began = this.clock.now;
    this.open.set(id, what);
    const kind = what.split(' ', 1)[0]!;
    this.oracle.count(`call: ${kind}`);
    this.trace.add('user', what);
    const stops: (() => void)[] = [];
    const mustBeOver = (within: number, invariant: string): void => {
      if (within === Infinity) return;
      stops.push(
        this.clock.in(within + SLACK, () => this.oracle.fail(invariant, `${what}: not settled within ${within} ms`)),
      );
    };
    mustBeOver(expected.within, expected.invariant ?? 'settles');
    if (expected.asked !== undefined) mustBeOver(expected.asked, 'deadline');
    expected.calls?.begin();
    const over = (error?: unknown): void => {
      for (const stop of stops) stop();
      expected.calls?.end(error);
      this.open.delete(id);
    };
    let promise: Promise<T>;
    try {
      promise = Promise.resolve(call());
    } catch (error) {
      over(error);
      return this.oracle.fail('typed', `${what} threw in place of rejecting: ${describe(error)}`);
    }
    promise.then(
      (value) => {
        over();
        this.oracle.count(`call: ${kind} resolved`);
        this.trace.add('user', `${what}: resolved after ${this.clock.now - began} ms`);
        then?.(undefined, value);
      },
      (error: unknown) => {
        over(error);
        this.oracle.count(`call: ${kind} rejected: ${nameOf(error)}`);
        this.trace.add('user', `${what}: ${describe(error)}`);
        const typed = error instanceof AmqpError || error instanceof Aborted;
        this.oracle.check(typed, 'typed', () => `${what} rejected with ${describe(error)}`);
        then?.(error ?? new Error('undefined'));
      },
    );
  }
}

export function nameOf(error: unknown): string {
  return error instanceof Error ? error.constructor.name : typeof error;
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return `${typeof error} ${String(error)}`;
  const { outcome } = error as { outcome?: unknown };
  return `${nameOf(error)}${outcome === undefined ? '' : ` (${String(outcome)})`}: ${error.message}`;
}
