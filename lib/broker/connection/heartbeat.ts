import type { Clock } from '../../environment/index.js';
import type { Transport } from './transport.js';

/**
 * Heartbeats of one connection (section 4.2.7): one is sent when nothing else was for half the interval, and the client
 * is dead when nothing came for two. A client that the broker does not read from, since it is blocked, is not judged. One
 * that it does not read from, since the client does not take what it is sent, is dead when nothing more waits in its
 * stream, and it has taken nothing, for two intervals.
 */
export class Heartbeat {
  private stopSending: () => void = () => {};
  private stopWatching: () => void = () => {};

  /** @param interval ms, as negotiated */
  constructor(
    private readonly transport: Transport,
    private readonly clock: Clock,
    private readonly interval: number,
    private readonly onSilence: () => void,
  ) {
    this.send();
    this.watch();
  }

  stop(): void {
    this.stopSending();
    this.stopWatching();
  }

  /** Sends a heartbeat if the last frame was sent half an interval ago or earlier, and plans the next check. */
  private send(): void {
    const left = (): number => this.transport.lastSent + this.interval / 2 - this.clock.now();
    if (left() <= 0) this.transport.writer.heartbeat();
    // Frames that were just written are sent with the next flush.
    const wait = left() > 0 ? left() : this.interval / 2;
    this.stopSending = this.clock.after(Math.ceil(wait), () => this.send(), { keepAlive: false });
  }

  private watch(): void {
    const { transport, clock, interval } = this;
    if (transport.heldByCongestion) transport.lookForLife();
    const left = transport.heldOnPurpose ? 2 * interval : transport.lastReceived + 2 * interval - clock.now();
    if (left <= 0) return this.onSilence();
    this.stopWatching = clock.after(Math.ceil(left), () => this.watch(), { keepAlive: false });
  }
}
