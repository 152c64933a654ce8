import { Fifo } from './fifo.js';
import { Heap } from './heap.js';
import type { QueueEntry } from './message.js';

/**
 * One level of priority. Returned messages stand before messages that were never delivered; each group is ordered by
 * position.
 */
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

  /** Positions increase and messages are taken from the front, so a returned message belongs before every fresh one. */
  putBack(entry: QueueEntry): void {
    this.returned.push(entry);
  }

  shift(): QueueEntry | undefined {
    return this.returned.length > 0 ? this.returned.shift() : this.fresh.shift();
  }
}

/** The ready messages of a queue, by priority, then by position. */
export class ReadyMessages {
  private levels: Level[];
  private total = 0;
  private totalBytes = 0;
  private totalSize = 0;

  /** @param maxPriority the highest priority; 0 for a queue without priorities (x-max-priority) */
  constructor(private readonly maxPriority: number) {
    this.levels = this.emptyLevels();
  }

  get length(): number {
    return this.total;
  }

  /** Bytes of the bodies, as x-max-length-bytes counts them. */
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

  /** The next message to be delivered, which has the highest priority. */
  peek(): QueueEntry | undefined {
    return this.total === 0 ? undefined : this.highest().peek();
  }

  shift(): QueueEntry | undefined {
    return this.total === 0 ? undefined : this.shiftFrom(this.highest());
  }

  /** Drops all messages. */
  clear(): void {
    this.levels = this.emptyLevels();
    this.total = this.totalBytes = this.totalSize = 0;
  }

  /** Removes expired messages at the heads of the levels. Messages expire only at the head, as in RabbitMQ. */
  shiftExpired(now: number): QueueEntry | undefined {
    const level = this.levels.find((level) => level.length > 0 && level.peek()!.expiresAt <= now);
    return level && this.shiftFrom(level);
  }

  /** Removes and returns the messages that do not fit. The others keep their order. */
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

  /** Returns the highest level that is not empty. There must be one. */
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
