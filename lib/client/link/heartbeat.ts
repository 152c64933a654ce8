import type { Clock } from '../../environment/index.js';

/** The part of a link that a heartbeat watches. Times are the clock's, in ms. */
export interface Monitored {
  readonly lastReceived: number;
  readonly lastSent: number;
  sendHeartbeat(): void;
}

/**
 * Heartbeats (section 4.2.7). A heartbeat is sent if nothing else was sent for half an interval, and the peer is dead
 * if nothing arrived for two intervals. Both times are exact: each has a timer, which is set again for the remaining
 * time when it fires early, so traffic sets no timers. A blocked event loop must not blame the peer, so waiting bytes
 * of the socket are read before the decision.
 */
export class Heartbeat {
  private cancelSend: (() => void) | undefined;
  private cancelWatch: (() => void) | undefined;
  private stopped = false;

  /** @param interval the negotiated interval, in ms */
  constructor(
    private readonly peer: Monitored,
    private readonly interval: number,
    private readonly clock: Clock,
    private readonly onDead: (silence: number) => void,
    /** Called when a timer fires, with its delay in ms: the time for which the event loop was busy with other work. */
    private readonly onTimer: (delay: number) => void = () => {},
  ) {}

  start(): void {
    this.sendWhenDue();
    this.watch();
  }

  stop(): void {
    this.stopped = true;
    this.cancelSend?.();
    this.cancelWatch?.();
  }

  /**
   * Runs one check, for `mode: 'manual'`. Call it `rate` times an interval or more often.
   * Sends a heartbeat if nothing was sent for about interval/`rate`, and reports a peer that was silent for two
   * intervals.
   */
  tick(rate = 2): void {
    const now = this.clock.now();
    // A little less than the whole time, since a tick that is slightly early would delay the heartbeat until the next
    // tick.
    if (now - this.peer.lastSent >= (0.75 * this.interval) / rate) this.peer.sendHeartbeat();
    if (this.silence() >= 2 * this.interval) this.suspect(() => {});
  }

  private silence(): number {
    return this.clock.now() - this.peer.lastReceived;
  }

  private sendWhenDue(): void {
    let left = this.peer.lastSent + this.interval / 2 - this.clock.now();
    if (left <= 0) {
      this.peer.sendHeartbeat();
      left = this.interval / 2;
    }
    this.cancelSend = this.after(left, () => this.sendWhenDue());
  }

  private watch(): void {
    const left = 2 * this.interval - this.silence();
    if (left > 0) this.cancelWatch = this.after(left, () => this.watch());
    else this.suspect(() => this.watch());
  }

  private after(ms: number, then: () => void): () => void {
    const due = this.clock.now() + ms;
    return this.clock.after(ms, () => {
      this.onTimer(Math.max(0, this.clock.now() - due));
      then();
    });
  }

  /** @param alive called if bytes have arrived after all */
  private suspect(alive: () => void): void {
    // Two turns, since the first may end just before the phase that reads.
    this.clock.afterPendingEvents(() =>
      this.clock.afterPendingEvents(() => {
        if (this.stopped) return;
        if (this.silence() >= 2 * this.interval) this.onDead(this.silence());
        else alive();
      }),
    );
  }
}
