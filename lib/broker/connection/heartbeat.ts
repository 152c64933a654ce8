import type { Transport } from './transport.js';

/**
 * Heartbeats of one connection (section 4.2.7): one is sent when nothing else was for half the interval, and the client
 * is dead when nothing came for two. A client that is not read from is not judged.
 */
export class Heartbeat {
  private readonly timer: NodeJS.Timeout;

  /** @param interval ms, as negotiated */
  constructor(
    private readonly transport: Transport,
    private readonly interval: number,
    private readonly onSilence: () => void,
  ) {
    this.timer = setInterval(() => this.tick(), Math.max(1, interval / 2)).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    const now = Date.now();
    const { transport, interval } = this;
    // Timers go off a little early or late: a send within the last tenth of the half interval counts as before it.
    if (now - transport.lastSent >= interval * 0.45) transport.writer.heartbeat();
    if (!transport.held && now - transport.lastReceived > 2 * interval) this.onSilence();
  }
}
