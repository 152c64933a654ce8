import type { Delivery } from '../../lib/client/index.js';

/** Messages that are held beside the prefetch, at most. */
const MAX_HELD = 1_000;

/** The consumer whose window it is. */
export interface WindowOwner {
  /** Maximum number of unacknowledged messages that the broker sends. 0: no limit. */
  readonly prefetch: number;
  /** Unacknowledged messages that cannot leave their queue. */
  held(): readonly Delivery[];
  /** True while the broker delivers to the consumer and is meant to continue. */
  isConsuming(): boolean;
  /** Registers the consumer anew on the same channel, so that its whole prefetch is free. Never rejects. */
  registerAnew(): Promise<void>;
}

/**
 * The prefetch window of a consumer. A message that cannot leave its queue is held unacknowledged and occupies a place.
 * When half of the places are occupied, the consumer is registered anew; messages that are held by then occupy no place
 * any more. With more than 1,000 held messages, the consumer gets messages no faster than held ones leave.
 */
export class ConsumerWindow {
  /** Held messages that came before the consumer was registered anew. */
  private readonly beside = new WeakSet<Delivery>();
  private renewing = false;

  constructor(private readonly owner: WindowOwner) {}

  /** Called when one more message is held. */
  async onHeld(): Promise<void> {
    const { prefetch } = this.owner;
    const held = this.owner.held();
    const taken = held.filter((delivery) => !this.beside.has(delivery)).length;
    if (prefetch === 0 || prefetch === Infinity || 2 * taken < prefetch || held.length > MAX_HELD) return;
    if (this.renewing || !this.owner.isConsuming()) return;
    this.renewing = true;
    for (const delivery of held) this.beside.add(delivery);
    await this.owner.registerAnew();
    this.renewing = false;
    // More messages may be held by now.
    await this.onHeld();
  }
}
