/** What the publisher of a message was told. */
export const [UNTOLD, CONFIRMED, UNKNOWN, NOT_SENT] = [0, 1, 2, 3] as const;

/** Numbers the messages that are published, and keeps the outcome of each. */
export class Publishes {
  confirmed = 0;
  unknown = 0;
  private told: Uint8Array;
  private next = 0;

  /** @param capacity messages for which there is room from the start; it doubles when they are more */
  constructor(capacity = 1_024) {
    this.told = new Uint8Array(capacity);
  }

  /** The number of the next message to be published, which is also how many there are. */
  get published(): number {
    return this.next;
  }

  /** Counts a message that is published now, and returns its number. */
  protected take(): number {
    if (this.next === this.told.length) this.told = enlarged(this.told);
    return this.next++;
  }

  outcomeOf(id: number): number {
    return this.told[id]!;
  }

  confirm(id: number): void {
    this.told[id] = CONFIRMED;
    this.confirmed++;
  }

  /** Whether the broker has it is unknown: the connection was lost before the confirm or the answer. */
  doubt(id: number): void {
    this.told[id] = UNKNOWN;
    this.unknown++;
  }

  /** It was not sent: it does not count. */
  forget(id: number): void {
    this.told[id] = NOT_SENT;
  }
}

/** Returns an array of twice the length, with the same numbers. */
export function enlarged<A extends Uint8Array | Uint16Array>(numbers: A): A {
  const twice = new (numbers.constructor as new (length: number) => A)(numbers.length * 2);
  twice.set(numbers);
  return twice;
}
