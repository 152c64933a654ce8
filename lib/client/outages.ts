import { begin, fail, succeed, tracing, type BlockTrace, type BrokerPeer, type RestoreTrace } from './tracing.js';

/** Traces the outages of one connection or channel: from a loss to the restore, and from a block to its end. */
export class Outages {
  private restoration: RestoreTrace | undefined;
  private block: BlockTrace | undefined;

  constructor(
    private readonly kind: RestoreTrace['kind'],
    private readonly host: { readonly peer: BrokerPeer | undefined; readonly id?: number },
  ) {}

  /** Called at a loss. Another loss before the restore belongs to the same outage. */
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

  /** Called when the broker blocks the connection, which it may repeat. */
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

  /** Called when the blocked connection is lost. */
  blockLost(error: Error): void {
    const { block } = this;
    this.block = undefined;
    if (block) fail(tracing.block, block, error);
  }

  /** Called when it is not restored. */
  over(error: Error): void {
    const { restoration } = this;
    this.restoration = undefined;
    if (restoration) fail(tracing.restore, restoration, error);
  }
}
