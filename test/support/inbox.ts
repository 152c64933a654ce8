/** Milliseconds that an item may take. Less than Jest's timeout of a test, so that the error says which item is missing. */
const PATIENCE = 150_000;

/**
 * Collects the arguments of a handler or listener; a test awaits them in order: `basicConsume(queue, inbox.add)`,
 * `await inbox.take(3)`.
 */
export class Inbox<T = unknown> {
  /** All items since the start. */
  readonly all: T[] = [];
  #taken = 0;
  #wake: (() => void)[] = [];

  readonly add = (item: T): void => {
    this.all.push(item);
    for (const wake of this.#wake.splice(0)) wake();
  };

  /** The number of items that were not taken yet. */
  get waiting(): number {
    return this.all.length - this.#taken;
  }

  /** Resolves with the next `count` items. @throws Error if they do not arrive within `timeout` ms */
  async take(count = 1, timeout = PATIENCE): Promise<T[]> {
    const deadline = Date.now() + timeout;
    while (this.waiting < count) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`${this.waiting} of ${count} items arrived within ${timeout} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake.push(() => (clearTimeout(timer), resolve()));
      });
    }
    return this.all.slice(this.#taken, (this.#taken += count));
  }

  /** Resolves with the next item. @throws Error if it does not arrive within `timeout` ms */
  async next(timeout = PATIENCE): Promise<T> {
    return (await this.take(1, timeout))[0]!;
  }
}
