/** Publishers may go on below this part of the limit: an alarm that goes off and on at one line would flutter. */
const RELEASE_AT = 0.9;

/** Counts what queues keep, and calls out when it is too much (https://www.rabbitmq.com/docs/memory). */
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

  /** @param change more, or (negative) fewer bytes than before */
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
