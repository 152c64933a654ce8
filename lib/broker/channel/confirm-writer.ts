import type { Transport } from '../connection/transport.js';

/**
 * Confirms of one channel. Publishes are dealt with in order, so acks are too: what gathers in a tick goes out as one
 * ack with `multiple`, and before a nack.
 */
export class ConfirmWriter {
  private published = 0;
  private first = 0;
  private last = 0;

  constructor(
    private readonly transport: Transport,
    private readonly channel: number,
  ) {}

  /** The number of the publish that has come. */
  next(): number {
    return ++this.published;
  }

  ack(sequence: number): void {
    if (this.first === 0) {
      this.first = sequence;
      this.transport.atFlush(() => this.write());
    }
    this.last = sequence;
  }

  nack(sequence: number): void {
    this.write();
    this.transport.writer.nack(this.channel, sequence, false, false);
  }

  private write(): void {
    if (this.first === 0) return;
    this.transport.writer.ack(this.channel, this.last, this.last > this.first);
    this.first = 0;
  }
}
