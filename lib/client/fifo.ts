/**
 * A first-in first-out list. It moves no items, while `shift()` of a long array moves all remaining items each time.
 */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  get size(): number {
    return this.items.length - this.head;
  }

  /** Index of the next item to be removed. */
  get first(): T | undefined {
    return this.items[this.head];
  }

  push(item: T): void {
    this.items.push(item);
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.items[this.head];
    this.items[this.head++] = undefined;
    if (this.head === this.items.length) this.drop();
    else if (this.head >= 1_024 && this.head * 2 > this.items.length) {
      this.items.splice(0, this.head);
      this.head = 0;
    }
    return item;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let at = this.head; at < this.items.length; at++) yield this.items[at]!;
  }

  /** Removes and returns all items. */
  drain(): T[] {
    const all = this.items.slice(this.head) as T[];
    this.drop();
    return all;
  }

  private drop(): void {
    this.items = [];
    this.head = 0;
  }
}
