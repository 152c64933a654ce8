const CONFIRMED = 1;
const UNKNOWN = 2;

/** Records the outcome of each numbered message, and how often it was consumed. */
export class Ledger {
  private outcomes = new Uint8Array(1_024);
  private seen = new Uint16Array(1_024);
  private next = 0;
  /** The number of different messages that were consumed. */
  consumed = 0;
  /** The number of deliveries of messages that had been delivered before. */
  repeated = 0;
  /** The number of deliveries of messages that were never published. */
  invented = 0;
  confirmed = 0;
  unknown = 0;
  /** The number of messages that are confirmed and not consumed so far. */
  lost = 0;

  /** The number of the next message to be published, which is also the count of messages. */
  get published(): number {
    return this.next;
  }

  /** The number of messages that are published and not consumed so far. */
  get missing(): number {
    return this.next - this.consumed;
  }

  /** Records a message that is published now; returns its number. */
  publish(): number {
    if (this.next === this.outcomes.length) this.grow();
    return this.next++;
  }

  confirm(id: number): void {
    this.outcomes[id] = CONFIRMED;
    this.confirmed++;
    if (this.seen[id] === 0) this.lost++;
  }

  doubt(id: number): void {
    this.outcomes[id] = UNKNOWN;
    this.unknown++;
  }

  deliver(id: number): void {
    if (!(Number.isInteger(id) && id >= 0 && id < this.next)) this.invented++;
    else if (this.seen[id]!++ > 0) this.repeated++;
    else {
      this.consumed++;
      if (this.outcomes[id] === CONFIRMED) this.lost--;
    }
  }

  /** Returns the numbers of the first few lost messages. */
  examples(): number[] {
    const found: number[] = [];
    for (let id = 0; id < this.next && found.length < 10; id++) {
      if (this.outcomes[id] === CONFIRMED && this.seen[id] === 0) found.push(id);
    }
    return found;
  }

  private grow(): void {
    const { outcomes, seen } = this;
    this.outcomes = new Uint8Array(outcomes.length * 2);
    this.outcomes.set(outcomes);
    this.seen = new Uint16Array(seen.length * 2);
    this.seen.set(seen);
  }
}
