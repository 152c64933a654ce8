import type { Delivery, FieldTable } from '../../../lib/client/index.js';
import type { StreamOffset } from './stream-options.js';

const OFFSET = 'x-stream-offset';

/**
 * Follows the position of a stream's consumer: the offset up to which every message is settled. A message that is settled
 * out of turn counts once all messages before it are settled. So no message is skipped after a restart; some may come twice.
 */
export class StreamPosition {
  /** Offsets that were delivered and not settled yet, as they came. */
  private pending = new Set<number>();
  /** The highest offset since the last loss. */
  private last: number | undefined;
  /** The offset that the stream's first delivery had: what stands before it was not asked for. */
  private first: number | undefined;

  /** @param start where to begin as long as nothing is settled. @param settled everything up to here is, inclusively */
  constructor(
    private readonly start: StreamOffset | undefined,
    private settled?: number,
  ) {}

  /** The offset of the last message before which, itself included, everything is settled. */
  get committed(): number | undefined {
    return this.settled;
  }

  /** Goes on behind what was saved. */
  restore(offset: number | undefined): void {
    this.settled = offset;
  }

  /** The argument of basic.consume that has it begin, or go on. */
  arguments(): FieldTable {
    if (this.settled !== undefined) return { [OFFSET]: this.settled + 1 };
    return { [OFFSET]: this.first ?? this.start ?? 'next' };
  }

  begin(delivery: Delivery): void {
    const offset = offsetOf(delivery);
    if (offset === undefined) return;
    this.pending.add(offset);
    this.first ??= offset;
    this.last = Math.max(offset, this.last ?? offset);
  }

  /** It was handled; where it is not settled yet it will come again, or stops the consumer. */
  end(delivery: Delivery): void {
    const offset = offsetOf(delivery);
    if (offset === undefined || !delivery.settled || !this.pending.delete(offset)) return;
    const [oldest] = this.pending;
    const settled = oldest === undefined ? this.last! : oldest - 1;
    // Those before the first that was delivered are none of ours.
    if (settled >= (this.settled ?? -1)) this.settled = settled;
  }

  /** Finds out where to go on. Nothing here: without a store each start begins anew. */
  async load(): Promise<void> {}

  /** Has the next start go on here. */
  async save(): Promise<void> {}

  /** The channel is lost: what is pending comes again. */
  abandon(): void {
    this.pending.clear();
    this.last = this.settled;
  }
}

/** Undefined where it comes from no stream. */
function offsetOf(delivery: Delivery): number | undefined {
  try {
    const offset = delivery.properties.headers?.[OFFSET];
    return typeof offset === 'number' || typeof offset === 'bigint' ? Number(offset) : undefined;
  } catch {
    // Malformed headers: nothing of it can be told.
    return undefined;
  }
}
