import type { Delivery } from '../../lib/client/index.js';

/** Messages that are held beside the prefetch, at most. */
const MAX_HELD = 1_000;
/** Factor by which the window grows with each registration. */
const GROWTH = 4;

/** The consumer whose window it is. */
export interface WindowOwner {
  /** Maximum number of unacknowledged messages that the broker sends while none is held. 0: no limit. */
  readonly prefetch: number;
  /** Unacknowledged messages that cannot leave their queue. */
  held(): readonly Delivery[];
  /** True while the broker delivers to the consumer and is meant to continue. */
  isConsuming(): boolean;
  /** Registers the consumer anew on the same channel, with the prefetch of the window. Never rejects. */
  registerAnew(): Promise<void>;
}

/**
 * The prefetch window of a consumer. A message that cannot leave its queue is held unacknowledged and occupies a place.
 * When half of the places are occupied, the consumer is registered anew with a larger window; messages that are held by
 * then occupy no place any more. When no message is held, the consumer is registered with its own prefetch again. With
 * more than 1,000 held messages, the consumer gets messages no faster than held ones leave.
 *
 * The window grows by a factor, so a consumer is registered a few times and not a hundred times. The consumers that were
 * cancelled stay in the queue's state until their messages are settled. RabbitMQ before 3.13 loses unacknowledged
 * messages of a quorum queue with more than 32 such consumers, if the channel closes and the node dies soon after it.
 */
export class ConsumerWindow {
  /** Held messages that came before the consumer was registered anew. */
  private readonly beside = new WeakSet<Delivery>();
  private size: number;
  /** The consumer's own prefetch, from which the window has grown. */
  private base: number;
  private renewing = false;

  constructor(private readonly owner: WindowOwner) {
    this.size = this.base = owner.prefetch;
  }

  /** The prefetch of the next registration. */
  get prefetch(): number {
    const { prefetch } = this.owner;
    if (this.held().length === 0 || this.base !== prefetch) this.size = this.base = prefetch;
    return this.size;
  }

  /** True if the prefetch of the last registration is larger than the consumer's own. */
  get grown(): boolean {
    return this.size > this.owner.prefetch;
  }

  /**
   * Called when the number of held messages changes, when the consumer is registered, since messages may have left
   * meanwhile, and when the client has restored it.
   */
  async onHeldChange(): Promise<void> {
    if (this.renewing || !this.owner.isConsuming()) return;
    const held = this.held();
    const size = this.sizeFor(held);
    if (size === undefined) return;
    this.renewing = true;
    for (const delivery of held) this.beside.add(delivery);
    this.size = size;
    await this.owner.registerAnew();
    this.renewing = false;
    // More messages may be held by now, or none.
    await this.onHeldChange();
  }

  /** Returns the size of the window that the consumer needs; undefined if it needs no other registration. */
  private sizeFor(held: readonly Delivery[]): number | undefined {
    const { prefetch } = this.owner;
    // The owner's prefetch may have changed while the consumer could not be registered.
    const unlimited = prefetch === 0 || prefetch === Infinity;
    if (unlimited || held.length === 0) return this.size === prefetch ? undefined : prefetch;
    const taken = held.filter((delivery) => !this.beside.has(delivery)).length;
    if (2 * taken < this.size || held.length > MAX_HELD) return undefined;
    return Math.max(prefetch, Math.min(GROWTH * this.size, MAX_HELD));
  }

  /** The broker has taken back the messages of a lost channel. */
  private held(): readonly Delivery[] {
    return this.owner.held().filter(({ stale }) => !stale);
  }
}
