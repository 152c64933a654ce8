import type { Consumer } from './consumer.js';

/** The consumers of one x-priority, which are served in turn. */
interface Turn {
  readonly priority: number;
  /** A Set keeps the order of insertion: a served consumer goes to its end. */
  readonly waiting: Set<Consumer>;
}

/**
 * Selects the consumer of the next delivery: the highest x-priority first, in turn within one priority. Consumers that
 * cannot take more are set aside until they are woken, so that a search does not visit them.
 */
export class ConsumerRing {
  private readonly all = new Set<Consumer>();
  /** The consumers that could not take more, in the order in which that was noticed. */
  private readonly aside = new Set<Consumer>();
  /** Highest priority first. */
  private readonly turns: Turn[] = [];

  /** @param single serve only the first consumer until it is gone (single active consumer) */
  constructor(private readonly single: boolean) {}

  get size(): number {
    return this.all.size;
  }

  [Symbol.iterator](): Iterator<Consumer> {
    return this.all.values();
  }

  add(consumer: Consumer): void {
    this.all.add(consumer);
    this.wake(consumer);
  }

  remove(consumer: Consumer): void {
    this.all.delete(consumer);
    this.aside.delete(consumer);
    const at = this.turns.findIndex(({ priority }) => priority === consumer.priority);
    const turn = this.turns[at];
    if (turn?.waiting.delete(consumer) && turn.waiting.size === 0) this.turns.splice(at, 1);
  }

  /** Called when the consumer may take deliveries again. */
  wake(consumer: Consumer): void {
    if (!this.all.has(consumer)) return;
    this.aside.delete(consumer);
    this.turnOf(consumer.priority).waiting.add(consumer);
  }

  /** Returns the consumers that are set aside and fit. The one that was served last is last. */
  wakeWhere(fits: (consumer: Consumer) => boolean): void {
    for (const consumer of this.aside) if (fits(consumer)) this.wake(consumer);
  }

  /** Returns the consumer of the next delivery; undefined if none can take one. */
  next(): Consumer | undefined {
    if (this.single) {
      const [active] = this.all;
      return active?.ready ? active : undefined;
    }
    for (const { waiting } of this.turns) {
      for (const consumer of waiting) {
        waiting.delete(consumer);
        if (!consumer.ready) {
          this.aside.add(consumer);
          continue;
        }
        waiting.add(consumer);
        return consumer;
      }
    }
    return undefined;
  }

  private turnOf(priority: number): Turn {
    let at = this.turns.findIndex((turn) => turn.priority <= priority);
    if (at < 0) at = this.turns.length;
    if (this.turns[at]?.priority !== priority) this.turns.splice(at, 0, { priority, waiting: new Set() });
    return this.turns[at]!;
  }
}
