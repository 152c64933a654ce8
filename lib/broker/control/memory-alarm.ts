/** The alarm ends below this part of the limit. With a single limit it would flutter. */
const RELEASE_AT = 0.9;

/** Counts the bytes in queues, and reports when they exceed the limit (https://www.rabbitmq.com/docs/memory). */
export class MemoryAlarm {
  private bytes = 0;
  private raised = false;

  /** @param limit bytes */
  constructor(
    private readonly limit: number,
    private readonly onRaised: () => void,
    private readonly onReleased: () => void,
  ) {}

  get active(): boolean {
    return this.raised;
  }

  /** @param change the difference in bytes; negative for fewer bytes */
  count(change: number): void {
    this.bytes += change;
    if (!this.raised && this.bytes > this.limit) {
      this.raised = true;
      this.onRaised();
    } else if (this.raised && this.bytes < this.limit * RELEASE_AT) {
      this.raised = false;
      this.onReleased();
    }
  }
}
