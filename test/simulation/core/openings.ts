import { Rate, type Oracle } from '../engine/oracle.js';

/** Methods that a client may send within a minute, by far: a restore that goes round is over it in seconds. */
const LIMITS: Readonly<Record<string, number>> = {
  'channel.open': 400,
  'basic.consume': 400,
  'queue.declare': 600,
};

/** How often each connection opens and restores: never like a storm. */
export class Openings {
  private readonly limits: Readonly<Record<string, number>>;
  private readonly rates = new Map<string, Rate>();

  constructor(
    private readonly oracle: Oracle,
    private readonly now: () => number,
    maxDelay: number,
  ) {
    // Waits are drawn between nothing and `maxDelay`, so that half of it is their mean.
    this.limits = { ...LIMITS, connected: 60 + (1.3 * 60_000) / (maxDelay / 2) };
  }

  onMethod(name: string, connection: string, _channel: number): void {
    const limit = this.limits[name];
    if (limit === undefined) return;
    const key = `${name} of ${connection}`;
    let rate = this.rates.get(key);
    if (!rate) this.rates.set(key, (rate = new Rate(limit, 60_000)));
    const count = rate.hit(this.now());
    if (count !== undefined) this.oracle.fail('storm', `${count} times ${key} within a minute`);
  }
}
