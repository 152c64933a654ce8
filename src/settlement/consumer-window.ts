import type { Delivery } from '../../lib/client/index.js';

/** Messages that are held beside the prefetch, at most. */
const MAX_HELD = 1_000;

/** The consumer whose window it is. */
export interface WindowOwner {
  /** Unacknowledged messages that the broker hands out at most. 0: no limit. */
  readonly prefetch: number;
  /** Messages that cannot leave their queue, unacknowledged. */
  held(): readonly Delivery[];
  /** True while the broker delivers to the consumer and is meant to continue. */
  isConsuming(): boolean;
  /** Registers the consumer anew, on the same channel: it begins with all places of the prefetch. Never rejects. */
  registerAnew(): Promise<void>;
}

/**
 * The places of a consumer's prefetch. A message that cannot leave its queue is held unacknowledged, and takes one; when
 * half of them are taken the consumer is registered anew, and the messages that are held by then take none. Beyond 1,000
 * of them the consumer gets messages no faster than they leave.
 */
export class ConsumerWindow {
  /** Held messages that came before the consumer was registered anew. */
  private readonly beside = new WeakSet<Delivery>();
  private renewing = false;

  constructor(private readonly owner: WindowOwner) {}

  /** One more message is held. */
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
    // More may have come to be held meanwhile.
    await this.onHeld();
  }
}
