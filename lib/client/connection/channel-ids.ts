import { NotAllowedError } from '../errors.js';

/** Hands out channel numbers. Reuses the most recently released number first. */
export class ChannelIds {
  private readonly free: number[] = [];
  private highest = 0;

  /** @throws NotAllowedError if `max` numbers are in use */
  allocate(max: number): number {
    // After a failover to a broker with a smaller channel-max, some numbers are too high for now.
    const at = this.free.findLastIndex((id) => id <= max);
    if (at >= 0) return this.free.splice(at, 1)[0]!;
    if (this.highest >= max) {
      throw new NotAllowedError(
        `${max} channels are open, which is the channel-max of this connection; close some, or raise channelMax`,
      );
    }
    return ++this.highest;
  }

  release(id: number): void {
    this.free.push(id);
  }
}
