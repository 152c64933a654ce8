import { CONFIRMED, enlarged, Publishes } from './publishes.js';

/** Records the outcome of each numbered message, and how often it was consumed. */
export class Ledger extends Publishes {
  private seen = new Uint16Array(1_024);
  /** The number of different messages that were consumed. */
  consumed = 0;
  /** The number of deliveries of messages that had been delivered before. */
  repeated = 0;
  /** The number of deliveries of messages that were never published. */
  invented = 0;
  /** The number of messages that are confirmed and not consumed so far. */
  lost = 0;

  /** The number of messages that are published and not consumed so far. */
  get missing(): number {
    return this.published - this.consumed;
  }

  /** Records a message that is published now; returns its number. */
  publish(): number {
    if (this.published === this.seen.length) this.seen = enlarged(this.seen);
    return this.take();
  }

  override confirm(id: number): void {
    super.confirm(id);
    if (this.seen[id] === 0) this.lost++;
  }

  deliver(id: number): void {
    if (!(Number.isInteger(id) && id >= 0 && id < this.published)) this.invented++;
    else if (this.seen[id]!++ > 0) this.repeated++;
    else {
      this.consumed++;
      if (this.outcomeOf(id) === CONFIRMED) this.lost--;
    }
  }

  /** Returns the numbers of the first few lost messages. */
  examples(): number[] {
    const found: number[] = [];
    for (let id = 0; id < this.published && found.length < 10; id++) {
      if (this.outcomeOf(id) === CONFIRMED && this.seen[id] === 0) found.push(id);
    }
    return found;
  }
}
