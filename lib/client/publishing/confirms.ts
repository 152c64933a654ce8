import type { Publish } from './publish.js';

/**
 * Holds the publishes of one channel that are sent and not yet confirmed, by publish sequence number. It is a ring, since
 * confirms come roughly in order. They may come out of order and with `multiple`
 * (https://www.rabbitmq.com/docs/confirms).
 *
 *     tags   lowest ………………… next-1
 *     ring   [tag & mask]: the publish, or undefined once confirmed
 */
export class Confirms {
  private ring: (Publish | undefined)[] = new Array<Publish | undefined>(16).fill(undefined);
  private lowest = 1;
  private next = 1;
  private unconfirmed = 0;
  private unconfirmedBytes = 0;
  /** The tag at which the last search stopped. The next search starts here, since returns come in the order of publishes. */
  private cursor = 1;

  /** Number of unconfirmed publishes, including returned and timed-out ones until the broker confirms them. */
  get count(): number {
    return this.unconfirmed;
  }

  /** Bytes of the bodies of unconfirmed publishes. */
  get bytes(): number {
    return this.unconfirmedBytes;
  }

  /** The delivery tag of the next publish. */
  get nextTag(): number {
    return this.next;
  }

  /**
   * Number of tags from the oldest unconfirmed one to the newest. A publish that the broker never confirms keeps the
   * ring open.
   */
  get span(): number {
    return this.next - this.lowest;
  }

  /** Registers a publish that is sent now. Returns its delivery tag. */
  add(publish: Publish): number {
    const tag = this.next++;
    if (tag - this.lowest >= this.ring.length) this.grow();
    this.ring[tag & (this.ring.length - 1)] = publish;
    this.unconfirmed++;
    this.unconfirmedBytes += publish.body.length;
    return tag;
  }

  /** Removes the last publish, which was not sent after all. The next publish gets its tag. */
  takeBack(): void {
    const index = --this.next & (this.ring.length - 1);
    this.unconfirmedBytes -= this.ring[index]!.body.length;
    this.ring[index] = undefined;
    this.unconfirmed--;
  }

  /**
   * Removes the publishes that a confirm covers, oldest first; tag 0 with `multiple` covers all (section 1.8.3.13).
   * Unknown and confirmed tags cover nothing.
   */
  settle(deliveryTag: number, multiple: boolean, each: (publish: Publish, deliveryTag: number) => void): void {
    if (deliveryTag >= this.next) return;
    const from = multiple ? this.lowest : Math.max(deliveryTag, this.lowest);
    const to = multiple && deliveryTag === 0 ? this.next - 1 : deliveryTag;
    for (let tag = from; tag <= to; tag++) {
      // Read anew in each iteration, since a caller may publish on a confirm, and the ring may grow.
      const index = tag & (this.ring.length - 1);
      const publish = this.ring[index];
      if (publish === undefined) continue;
      this.ring[index] = undefined;
      this.unconfirmed--;
      this.unconfirmedBytes -= publish.body.length;
      each(publish, tag);
    }
    const mask = this.ring.length - 1;
    while (this.lowest < this.next && this.ring[this.lowest & mask] === undefined) this.lowest++;
  }

  /** Returns the first publish that fits, oldest first from the end of the last search. */
  find(fits: (publish: Publish) => boolean): Publish | undefined {
    const start = Math.max(this.cursor, this.lowest);
    return this.search(start, this.next, fits) ?? this.search(this.lowest, start, fits);
  }

  forEach(visit: (publish: Publish) => void): void {
    const mask = this.ring.length - 1;
    for (let tag = this.lowest; tag < this.next; tag++) {
      const publish = this.ring[tag & mask];
      if (publish) visit(publish);
    }
  }

  /** Counts the unconfirmed publishes with this tag or a later one. */
  countFrom(deliveryTag: number): number {
    const mask = this.ring.length - 1;
    let count = 0;
    for (let tag = Math.max(deliveryTag, this.lowest); tag < this.next; tag++) if (this.ring[tag & mask]) count++;
    return count;
  }

  /** Removes all publishes, oldest first. Numbers start anew, as on a channel that opens anew. */
  drain(): Publish[] {
    const publishes: Publish[] = [];
    this.forEach((publish) => publishes.push(publish));
    this.ring.fill(undefined);
    this.lowest = this.next = this.cursor = 1;
    this.unconfirmed = this.unconfirmedBytes = 0;
    return publishes;
  }

  private search(from: number, to: number, fits: (publish: Publish) => boolean): Publish | undefined {
    const mask = this.ring.length - 1;
    for (let tag = from; tag < to; tag++) {
      const publish = this.ring[tag & mask];
      if (publish && fits(publish)) {
        this.cursor = tag + 1;
        return publish;
      }
    }
    return undefined;
  }

  private grow(): void {
    const old = this.ring;
    this.ring = new Array<Publish | undefined>(old.length * 2).fill(undefined);
    for (let tag = this.lowest; tag < this.next - 1; tag++) {
      this.ring[tag & (this.ring.length - 1)] = old[tag & (old.length - 1)];
    }
  }
}
