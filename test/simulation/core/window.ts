import type { Oracle } from '../engine/oracle.js';

/** What a channel may have unconfirmed. */
interface Bounds {
  readonly maxUnconfirmed: number;
  /** Of bodies. */
  readonly maxUnconfirmedBytes: number;
}

/**
 * The publishes of one channel that the broker has and whose confirm the client has not read: never more than the channel's
 * bounds, for a publish leaves the client only while fewer are unconfirmed there.
 */
export class ConfirmWindow {
  private opening = '';
  private last = 0;
  /** Sizes, by delivery tag. */
  private readonly sizes = new Map<number, number>();

  constructor(
    private readonly name: string,
    private readonly bounds: Bounds,
    private readonly oracle: Oracle,
  ) {}

  /** The broker has a publish. @param opening of the channel: its tags begin with 1 in each */
  arrived(opening: string, size: number): void {
    if (opening !== this.opening) {
      this.opening = opening;
      this.last = 0;
      this.sizes.clear();
    }
    const { maxUnconfirmed, maxUnconfirmedBytes } = this.bounds;
    const bytes = [...this.sizes.values()].reduce((sum, other) => sum + other, 0);
    const within = this.sizes.size < maxUnconfirmed && bytes < maxUnconfirmedBytes;
    this.oracle.check(within, 'bounds', () => `${this.name}: sent one more while ${this.sizes.size} publishes of ${bytes} bytes were unconfirmed; ${maxUnconfirmed} and ${maxUnconfirmedBytes} may be`); // prettier-ignore
    this.sizes.set(++this.last, size);
  }

  /** The client has read a confirm. */
  confirmed(deliveryTag: number, multiple: boolean): void {
    if (!multiple) return void this.sizes.delete(deliveryTag);
    for (const tag of this.sizes.keys()) if (tag <= deliveryTag || deliveryTag === 0) this.sizes.delete(tag);
  }
}
