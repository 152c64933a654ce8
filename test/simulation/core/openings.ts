import { Rate, type Oracle } from '../engine/oracle.js';

/** Upper limits of a client's methods within a minute. An endless restore exceeds them within seconds. */
const LIMITS: Readonly<Record<string, number>> = {
  'channel.open': 400,
  'basic.consume': 400,
  'queue.declare': 600,
};

/** Checks that no connection opens and restores too often. */
export class Openings {
  private readonly limits: Readonly<Record<string, number>>;
  private readonly rates = new Map<string, Rate>();

  constructor(
    private readonly oracle: Oracle,
    private readonly now: () => number,
    maxDelay: number,
  ) {
    // Waits are random from 0 to `maxDelay`, so their mean is half of it.
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
