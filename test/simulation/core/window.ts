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
  /** The sizes of the unconfirmed publishes by delivery tag, and how many have come; by opening, since an old wire may still bring some. */
  private readonly openings = new Map<string, { last: number; readonly sizes: Map<number, number> }>();

  constructor(
    private readonly name: string,
    private readonly bounds: Bounds,
    private readonly oracle: Oracle,
  ) {}

  /** The broker has a publish. @param opening of the channel: its tags begin with 1 in each */
  arrived(opening: string, size: number): void {
    let known = this.openings.get(opening);
    if (!known) this.openings.set(opening, (known = { last: 0, sizes: new Map() }));
    const { sizes } = known;
    const { maxUnconfirmed, maxUnconfirmedBytes } = this.bounds;
    const bytes = [...sizes.values()].reduce((sum, other) => sum + other, 0);
    const within = sizes.size < maxUnconfirmed && bytes < maxUnconfirmedBytes;
    this.oracle.check(within, 'bounds', () => `${this.name}: sent one more while ${sizes.size} publishes of ${bytes} bytes were unconfirmed; ${maxUnconfirmed} and ${maxUnconfirmedBytes} may be`); // prettier-ignore
    sizes.set(++known.last, size);
  }

  /** The client has read a confirm. @param opening the channel's present one */
  confirmed(opening: string, deliveryTag: number, multiple: boolean): void {
    const sizes = this.openings.get(opening)?.sizes;
    if (!sizes) return;
    if (!multiple) return void sizes.delete(deliveryTag);
    for (const tag of sizes.keys()) if (tag <= deliveryTag || deliveryTag === 0) sizes.delete(tag);
  }
}
