/** A first-in first-out list on a ring that doubles when it is full and halves when it is a quarter full: O(1) each. */
export class Fifo<T> {
  private ring: (T | undefined)[] = new Array<T | undefined>(16);
  private head = 0;
  private count = 0;

  get length(): number {
    return this.count;
  }

  peek(): T | undefined {
    return this.ring[this.head];
  }

  /** Iterates from the first item to the last. */
  *[Symbol.iterator](): Iterator<T> {
    for (let index = 0; index < this.count; index++) yield this.ring[(this.head + index) & (this.ring.length - 1)] as T;
  }

  push(item: T): void {
    if (this.count === this.ring.length) this.resize(this.count * 2);
    this.ring[(this.head + this.count) & (this.ring.length - 1)] = item;
    this.count++;
  }

  shift(): T | undefined {
    const item = this.ring[this.head];
    if (this.count === 0) return undefined;
    this.ring[this.head] = undefined;
    this.head = (this.head + 1) & (this.ring.length - 1);
    this.count--;
    if (this.ring.length > 16 && this.count <= this.ring.length / 4) this.resize(this.ring.length / 2);
    return item;
  }

  private resize(size: number): void {
    const ring = new Array<T | undefined>(size);
    for (let index = 0; index < this.count; index++) {
      ring[index] = this.ring[(this.head + index) & (this.ring.length - 1)];
    }
    this.ring = ring;
    this.head = 0;
  }
}
