import type { Transport } from '../connection/transport.js';

/**
 * Confirms of one channel. Publishes are dealt with in order, so acks are too: what gathers in a tick goes out as one
 * ack with `multiple`, and before a nack.
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

  /** The number of the publish that has come. */
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

  /** The channel is over: what has gathered goes out before its close, and nothing after it. */
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
