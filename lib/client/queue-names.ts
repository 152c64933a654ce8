/**
 * The names of the queues that the broker names. The one that the user knows stays good, whatever the broker calls the
 * queue after a loss; the present one stands for the same queue.
 */
export class QueueNames {
  private readonly current = new Map<string, string>();
  private readonly known = new Map<string, string>();

  get size(): number {
    return this.current.size;
  }

  /** Returns the name that the queue has at the broker now. */
  resolve(queue: string): string {
    return this.current.get(queue) ?? queue;
  }

  /** The name under which the user knows it. */
  knownAs(queue: string): string {
    return this.known.get(queue) ?? queue;
  }

  /** False when it had this name already. */
  rename(known: string, current: string): boolean {
    if (this.resolve(known) === current) return false;
    this.forget(known);
    if (current === known) return true;
    this.current.set(known, current);
    this.known.set(current, known);
    return true;
  }

  forget(known: string): void {
    const current = this.current.get(known);
    this.current.delete(known);
    if (current !== undefined) this.known.delete(current);
  }
}
