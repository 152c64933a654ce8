import { Fifo } from './fifo.js';
import { Heap } from './heap.js';
import type { QueueEntry } from './message.js';

/** One level of priority: what came back stands before what was never taken, each in the order of its position. */
class Level {
  private readonly fresh = new Fifo<QueueEntry>();
  private readonly returned = new Heap<QueueEntry>((left, right) => left.position < right.position);

  get length(): number {
    return this.fresh.length + this.returned.length;
  }

  peek(): QueueEntry | undefined {
    return this.returned.peek() ?? this.fresh.peek();
  }

  push(entry: QueueEntry): void {
    this.fresh.push(entry);
  }

  /** Positions are given in order and taken from the front: whatever comes back belongs before every fresh entry. */
  putBack(entry: QueueEntry): void {
    this.returned.push(entry);
  }

  shift(): QueueEntry | undefined {
    return this.returned.length > 0 ? this.returned.shift() : this.fresh.shift();
  }
}

/** The messages of a queue that wait for a consumer: by priority, then by position. */
export class ReadyMessages {
  private levels: Level[];
  private total = 0;
  private totalBytes = 0;
  private totalSize = 0;

  /** @param maxPriority the highest level of a priority queue, 0 for a queue without (x-max-priority) */
  constructor(private readonly maxPriority: number) {
    this.levels = this.emptyLevels();
  }

  get length(): number {
    return this.total;
  }

  /** Bytes of the bodies: what x-max-length-bytes counts. */
  get bytes(): number {
    return this.totalBytes;
  }

  /** Bytes of properties and bodies. */
  get size(): number {
    return this.totalSize;
  }

  push(entry: QueueEntry): void {
    this.levels[entry.priority]!.push(entry);
    this.add(entry);
  }

  putBack(entry: QueueEntry): void {
    this.levels[entry.priority]!.putBack(entry);
    this.add(entry);
  }

  /** The next to be delivered: of the highest priority. */
  peek(): QueueEntry | undefined {
    return this.total === 0 ? undefined : this.highest().peek();
  }

  shift(): QueueEntry | undefined {
    return this.total === 0 ? undefined : this.shiftFrom(this.highest());
  }

  /** Drops all, whatever their number. */
  clear(): void {
    this.levels = this.emptyLevels();
    this.total = this.totalBytes = this.totalSize = 0;
  }

  /** Takes the heads of its levels as long as they have expired; messages expire at the head only, as in RabbitMQ. */
  shiftExpired(now: number): QueueEntry | undefined {
    const level = this.levels.find((level) => level.length > 0 && level.peek()!.expiresAt <= now);
    return level && this.shiftFrom(level);
  }

  /** Takes out what does not fit, and returns it; the others keep their order. */
  retain(fits: (entry: QueueEntry) => boolean): QueueEntry[] {
    const all: QueueEntry[] = [];
    for (let entry; (entry = this.shift());) all.push(entry);
    for (const entry of all) if (fits(entry)) this.push(entry);
    return all.filter((entry) => !fits(entry));
  }

  /** The time at which the next message at a head expires; Infinity for never. */
  get nextExpiry(): number {
    let earliest = Infinity;
    for (const level of this.levels) earliest = Math.min(earliest, level.peek()?.expiresAt ?? Infinity);
    return earliest;
  }

  /** Of those that are not empty; there is one. */
  private highest(): Level {
    return this.levels.findLast(({ length }) => length > 0)!;
  }

  private emptyLevels(): Level[] {
    return Array.from({ length: this.maxPriority + 1 }, () => new Level());
  }

  private add(entry: QueueEntry): void {
    this.total++;
    this.totalBytes += entry.message.body.length;
    this.totalSize += entry.message.size;
  }

  private shiftFrom(level: Level): QueueEntry {
    const entry = level.shift()!;
    this.total--;
    this.totalBytes -= entry.message.body.length;
    this.totalSize -= entry.message.size;
    return entry;
  }
}
