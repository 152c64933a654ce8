import type { Clock } from '../../environment/index.js';

/** What a heartbeat watches: times are the clock's, in ms. */
export interface Monitored {
  readonly lastReceived: number;
  readonly lastSent: number;
  sendHeartbeat(): void;
}

/**
 * Heartbeats (section 4.2.7): one is sent when nothing else was for half an interval, and the peer is dead when nothing
 * at all came for two. A loop that was blocked must not take its own deafness for the peer's silence: before the
 * verdict, what waits in the socket is read.
 */
export class Heartbeat {
  private cancel: (() => void) | undefined;

  /** @param interval the negotiated one, in ms */
  constructor(
    private readonly peer: Monitored,
    private readonly interval: number,
    private readonly clock: Clock,
    private readonly onDead: (silence: number) => void,
  ) {}

  start(): void {
    this.plan();
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }

  /**
   * One check by hand, for `mode: 'manual'`: call it `rate` times an interval or more often.
   * Sends when nothing was sent for about interval/`rate`; reports a peer that was silent for two intervals.
   */
  tick(rate = 2): void {
    const now = this.clock.now();
    // Not the whole of it: a tick that comes a hair early would put the heartbeat off until the next.
    if (now - this.peer.lastSent >= (0.75 * this.interval) / rate) this.peer.sendHeartbeat();
    if (this.silence() >= 2 * this.interval) this.suspect();
  }

  private silence(): number {
    return this.clock.now() - this.peer.lastReceived;
  }

  private suspect(): void {
    // Two turns: one may end in the phase that is about to read.
    this.clock.afterPendingEvents(() =>
      this.clock.afterPendingEvents(() => {
        if (this.silence() >= 2 * this.interval) this.onDead(this.silence());
      }),
    );
  }

  private plan(): void {
    // Four checks an interval: what was sent a moment ago is checked again before half an interval is over twice.
    this.cancel = this.clock.after(this.interval / 4, () => {
      this.plan();
      this.tick();
    });
  }
}
