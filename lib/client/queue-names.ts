/**
 * Maps the names of server-named queues. The name that the user knows stays valid, whatever name the broker chooses
 * after a loss. The present name means the same queue.
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

  /** Returns the name under which the user knows the queue. */
  knownAs(queue: string): string {
    return this.known.get(queue) ?? queue;
  }

  /** Returns false if the queue had this name already. */
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
