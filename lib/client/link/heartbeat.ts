import type { Clock } from '../../environment/index.js';

/** The part of a link that a heartbeat watches. Times are the clock's, in ms. */
export interface Monitored {
  readonly lastReceived: number;
  readonly lastSent: number;
  sendHeartbeat(): void;
}

/**
 * Heartbeats (section 4.2.7): one is sent when nothing else was for half an interval, and the peer is dead when nothing
 * at all came for two. Both moments are exact: a timer is set for each, and set for what is left when it goes off early,
 * so that traffic sets none. A loop that was blocked must not take its own deafness for the peer's silence: before the
 * verdict, what waits in the socket is read.
 */
export class Heartbeat {
  private cancelSend: (() => void) | undefined;
  private cancelWatch: (() => void) | undefined;
  private stopped = false;

  /** @param interval the negotiated one, in ms */
  constructor(
    private readonly peer: Monitored,
    private readonly interval: number,
    private readonly clock: Clock,
    private readonly onDead: (silence: number) => void,
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
   * One check by hand, for `mode: 'manual'`: call it `rate` times an interval or more often.
   * Sends when nothing was sent for about interval/`rate`; reports a peer that was silent for two intervals.
   */
  tick(rate = 2): void {
    const now = this.clock.now();
    // Not the whole of it: a tick that comes a hair early would put the heartbeat off until the next.
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
    this.cancelSend = this.clock.after(left, () => this.sendWhenDue());
  }

  private watch(): void {
    const left = 2 * this.interval - this.silence();
    if (left > 0) this.cancelWatch = this.clock.after(left, () => this.watch());
    else this.suspect(() => this.watch());
  }

  /** @param alive called when something has come after all */
  private suspect(alive: () => void): void {
    // Two turns: one may end in the phase that is about to read.
    this.clock.afterPendingEvents(() =>
      this.clock.afterPendingEvents(() => {
        if (this.stopped) return;
        if (this.silence() >= 2 * this.interval) this.onDead(this.silence());
        else alive();
      }),
    );
  }
}
