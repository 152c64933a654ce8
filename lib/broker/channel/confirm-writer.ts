import type { Transport } from '../connection/transport.js';

/**
 * Writes the confirms of one channel. Publishes are handled in order, and so are their acks: the acks of a tick are
 * sent as one ack with `multiple`, and before a nack.
 */
export class ConfirmWriter {
  private published = 0;
  private first = 0;
  private last = 0;
  private closed = false;

  constructor(
    private readonly transport: Transport,
    private readonly channel: number,
  ) {}

  /** Returns the sequence number of the next publish. */
  next(): number {
    return ++this.published;
  }

  ack(sequence: number): void {
    if (this.closed) return;
    if (this.first === 0) {
      this.first = sequence;
      this.transport.atFlush(() => this.write());
    }
    this.last = sequence;
  }

  nack(sequence: number): void {
    if (this.closed) return;
    this.write();
    this.transport.writer.nack(this.channel, sequence, false, false);
  }

  /** Called when the channel ends. Gathered confirms are sent before the close, and none after it. */
  close(): void {
    this.write();
    this.closed = true;
  }

  private write(): void {
    if (this.first === 0 || this.closed || this.transport.ended) return;
    this.transport.writer.ack(this.channel, this.last, this.last > this.first);
    this.first = 0;
  }
}
