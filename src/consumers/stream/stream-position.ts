import type { Delivery, FieldTable } from '../../../lib/client/index.js';
import type { StreamOffset } from './stream-options.js';

const OFFSET = 'x-stream-offset';

/**
 * Follows the position of a stream's consumer: the offset up to which every message is settled. A message that is settled
 * out of turn counts once all messages before it are settled. So no message is skipped after a restart; some may come twice.
 */
export class StreamPosition {
  /** Offsets of unsettled deliveries, in their order. */
  private pending = new Set<number>();
  /** The highest offset since the last loss. */
  private last: number | undefined;
  /** The offset of the first delivery. Messages before it were not requested. */
  private first: number | undefined;

  /**
   * @param start the position to begin at until a message is settled. @param settled the offset up to which all
   * messages are settled
   */
  constructor(
    private readonly start: StreamOffset | undefined,
    private settled?: number,
  ) {}

  /** The offset up to which every message is settled. */
  get committed(): number | undefined {
    return this.settled;
  }

  /** Continues after the saved offset. */
  restore(offset: number | undefined): void {
    this.settled = offset;
  }

  /** The `x-stream-offset` argument of the next basic.consume. */
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

  /** Called when a message was handled. An unsettled message will be delivered again, or it stops the consumer. */
  end(delivery: Delivery): void {
    const offset = offsetOf(delivery);
    if (offset === undefined || !delivery.settled || !this.pending.delete(offset)) return;
    const [oldest] = this.pending;
    const settled = oldest === undefined ? this.last! : oldest - 1;
    // Messages before the first delivery do not belong to this consumer.
    if (settled >= (this.settled ?? -1)) this.settled = settled;
  }

  /** Loads the position. Does nothing here: without a store, each start begins anew. */
  async load(): Promise<void> {}

  /** Saves the position for the next start. */
  async save(): Promise<void> {}

  /** Called when the channel is lost. Pending messages are delivered again. */
  abandon(): void {
    this.pending.clear();
    this.last = this.settled;
  }
}

/** Returns the offset of a delivery; undefined if it comes from no stream. */
function offsetOf(delivery: Delivery): number | undefined {
  try {
    const offset = delivery.properties.headers?.[OFFSET];
    return typeof offset === 'number' || typeof offset === 'bigint' ? Number(offset) : undefined;
  } catch {
    // The headers are malformed, so the offset is unknown.
    return undefined;
  }
}
