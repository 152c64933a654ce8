import { NotAllowedError } from '../errors.js';

/** Hands out channel numbers. Reuses the most recently released number first. */
export class ChannelIds {
  private readonly free: number[] = [];
  private readonly lent = new Set<number>();
  private highest = 0;

  /**
   * @param idle numbers of channels that are not open at the broker. One of them is lent if `max` numbers are in use
   * @throws NotAllowedError if `max` numbers are in use and none is idle
   */
  allocate(max: number, idle: readonly number[] = []): number {
    // After a failover to a broker with a smaller channel-max, some numbers are too high for now.
    const at = this.free.findLastIndex((id) => id <= max);
    if (at >= 0) return this.free.splice(at, 1)[0]!;
    if (this.highest >= max) {
      const lent = idle.find((id) => id <= max && !this.lent.has(id));
      if (lent !== undefined) {
        this.lent.add(lent);
        return lent;
      }
      throw new NotAllowedError(
        `${max} channels are open, which is the channel-max of this connection; close some, or raise channelMax`,
      );
    }
    return ++this.highest;
  }

  /** Takes a number back from one of its channels. A lent number has two, and is free after both. */
  release(id: number): void {
    if (!this.lent.delete(id)) this.free.push(id);
  }
}
