import { NotAllowedError } from '../errors.js';

/** Hands out channel numbers. Reuses the most recently released number first. */
export class ChannelIds {
  private readonly free: number[] = [];
  private highest = 0;

  /** @throws NotAllowedError when `max` are in use */
  allocate(max: number): number {
    const reused = this.free.pop();
    if (reused !== undefined) return reused;
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
