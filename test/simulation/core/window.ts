import type { Oracle } from '../engine/oracle.js';

/** The limits of a channel's unconfirmed publishes. */
interface Bounds {
  readonly maxUnconfirmed: number;
  /** Bytes of bodies. */
  readonly maxUnconfirmedBytes: number;
}

/**
 * The publishes of one channel that the broker has and whose confirm the client has not read. They never exceed the channel's
 * limits, since the client sends a publish only while fewer are unconfirmed.
 */
export class ConfirmWindow {
  private opening = '';
  private last = 0;
  /** Sizes of publishes, by delivery tag. */
  private readonly sizes = new Map<number, number>();

  constructor(
    private readonly name: string,
    private readonly bounds: Bounds,
    private readonly oracle: Oracle,
  ) {}

  /** Notes that the broker has a publish. @param opening of the channel; tags begin with 1 in each */
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

  /** Notes that the client has read a confirm. */
  confirmed(deliveryTag: number, multiple: boolean): void {
    if (!multiple) return void this.sizes.delete(deliveryTag);
    for (const tag of this.sizes.keys()) if (tag <= deliveryTag || deliveryTag === 0) this.sizes.delete(tag);
  }
}
