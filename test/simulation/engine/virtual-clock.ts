import { afterMicrotasks } from './turn.js';

/** The longest delay that a Node timer keeps, in ms. */
const LONGEST_DELAY = 0x7fff_ffff;
/** The limit of events at one instant. More are an endless loop. */
const EVENTS_PER_INSTANT = 200_000;

export interface AfterOptions {
  readonly keepAlive?: boolean;
}

interface Event {
  readonly at: number;
  /** 0: timers and the network. 1: tasks that follow all events of their instant. */
  readonly phase: 0 | 1;
  readonly order: number;
  readonly owner: string;
  run: (() => void) | undefined;
}

/** The clock of one part of the world (`Clock` of lib), with methods for the oracle. */
export interface OwnedClock {
  now(): number;
  wallTime(): number;
  after(delay: number, run: () => void, options?: AfterOptions): () => void;
  afterPendingEvents(run: () => void): void;
}

/** 28 November 2026, midnight. */
const EPOCH = Date.UTC(2026, 10, 28);

/**
 * Virtual time in ms. Only scheduled events happen, and time jumps from event to event. Between two events all microtasks run
 * to their end.
 */
export class VirtualClock {
  private time = 0;
  private order = 0;
  private readonly heap: Event[] = [];
  private readonly live = new Map<string, number>();
  private atThisInstant = 0;
  /** Called with each delay that is no number. */
  onMisuse: (what: string) => void = () => {};
  /** Called with each error that an event has thrown. Time goes on. */
  onThrown: (error: unknown) => void = () => {};
  /** The number of events that have run. */
  events = 0;

  get now(): number {
    return this.time;
  }

  /** Returns the number of waiting timers of this owner. */
  waiting(owner: string): number {
    return this.live.get(owner) ?? 0;
  }

  /** Returns the clock of this owner. Its timers round as Node's do: whole ms, at least 1. */
  for(owner: string): OwnedClock {
    return {
      now: () => this.time,
      wallTime: () => EPOCH + this.time,
      after: (delay, run) => {
        if (typeof delay !== 'number' || Number.isNaN(delay)) this.onMisuse(`${owner}: after(${String(delay)})`);
        if (delay === Infinity) return () => {};
        return this.wait(Math.max(1, Math.trunc(delay)), run, owner);
      },
      afterPendingEvents: (run) => void this.schedule(this.time, 1, owner, run),
    };
  }

  /** Plans an event of the simulation in exactly `delay` ms. Returns a function that cancels it. */
  in(delay: number, run: () => void): () => void {
    return this.schedule(this.time + delay, 0, 'simulation', run);
  }

  /** Runs events until `until` ms, or until `stop` returns true, then calls `done`. */
  run(until: number, stop: () => boolean, done: (error?: Error) => void): void {
    const step = (): void => {
      for (;;) {
        const next = this.heap[0];
        if (stop() || !next || next.at > until) {
          if (!stop() && this.time < until) this.time = until;
          return done();
        }
        this.pop();
        if (!next.run) continue;
        if (next.at > this.time) {
          this.time = next.at;
          this.atThisInstant = 0;
        } else if (++this.atThisInstant > EVENTS_PER_INSTANT) {
          return done(new Error(`${EVENTS_PER_INSTANT} events at one instant: something goes round for ever`));
        }
        const { run } = next;
        this.forget(next);
        this.events++;
        try {
          run();
        } catch (error) {
          this.onThrown(error);
        }
        return afterMicrotasks(step);
      }
    };
    afterMicrotasks(step);
  }

  /** Drops all waiting events. */
  clear(): void {
    this.heap.length = 0;
    this.live.clear();
  }

  private wait(delay: number, run: () => void, owner: string): () => void {
    if (delay <= LONGEST_DELAY) return this.schedule(this.time + delay, 0, owner, run);
    let cancel = this.schedule(this.time + LONGEST_DELAY, 0, owner, () => {
      cancel = this.wait(delay - LONGEST_DELAY, run, owner);
    });
    return () => cancel();
  }

  private schedule(at: number, phase: 0 | 1, owner: string, run: () => void): () => void {
    const event: Event = { at, phase, order: ++this.order, owner, run };
    this.live.set(owner, this.waiting(owner) + 1);
    this.push(event);
    return () => {
      if (event.run) this.forget(event);
    };
  }

  private forget(event: Event): void {
    event.run = undefined;
    this.live.set(event.owner, this.waiting(event.owner) - 1);
  }

  private push(event: Event): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function before(one: Event, other: Event): boolean {
  return one.at - other.at < 0 || (one.at === other.at && (one.phase - other.phase || one.order - other.order) < 0);
}
