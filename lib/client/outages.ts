import { begin, fail, succeed, tracing, type BlockTrace, type BrokerPeer, type RestoreTrace } from './tracing.js';

/** Tells of one connection's or channel's times of outage: lost until it is back, blocked until it may publish again. */
export class Outages {
  private restoration: RestoreTrace | undefined;
  private block: BlockTrace | undefined;

  constructor(
    private readonly kind: RestoreTrace['kind'],
    private readonly host: { readonly peer: BrokerPeer | undefined; readonly id?: number },
  ) {}

  /** It is lost, and being restored. A further loss until it is back belongs to the same outage. */
  lost(cause: Error): void {
    if (this.restoration || !tracing.restore.hasSubscribers) return;
    const { kind, host } = this;
    this.restoration = { kind, peer: host.peer, channel: host.id, cause };
    begin(tracing.restore, this.restoration, () => {});
  }

  restored(): void {
    const { restoration } = this;
    this.restoration = undefined;
    if (restoration) succeed(tracing.restore, restoration);
  }

  /** The broker has blocked the connection; it may say so again. */
  blocked(reason: string): void {
    if (this.block || !tracing.block.hasSubscribers) return;
    this.block = { peer: this.host.peer, reason };
    begin(tracing.block, this.block, () => {});
  }

  unblocked(): void {
    const { block } = this;
    this.block = undefined;
    if (block) succeed(tracing.block, block);
  }

  /** The connection that was blocked is lost. */
  blockLost(error: Error): void {
    const { block } = this;
    this.block = undefined;
    if (block) fail(tracing.block, block, error);
  }

  /** It does not come back. */
  over(error: Error): void {
    const { restoration } = this;
    this.restoration = undefined;
    if (restoration) fail(tracing.restore, restoration, error);
  }
}
