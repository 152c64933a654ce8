/**
 * Connections that the client has given up and replaced, and that the broker still takes for alive. Their consumers keep
 * auto-delete queues, which go with them when the broker notices. Nobody tells the client.
 */
export class Ghosts {
  private readonly newest = new Map<string, number>();
  private readonly consumed = new Map<number, Set<string>>();
  private readonly takenAlong = new Set<string>();

  /** @param name of the client's connection; its broker's ids change */
  onConnected(name: string, connection: number): void {
    this.newest.set(name, connection);
  }

  onMethod(name: string, connection: number, args: Record<string, unknown>): void {
    const queue = String(args['queue'] ?? '');
    if (name === 'queue.declare' && args['passive'] !== true) this.takenAlong.delete(queue);
    if (name !== 'basic.consume') return;
    this.consumed.set(connection, (this.consumed.get(connection) ?? new Set()).add(queue));
  }

  onDisconnected(name: string, connection: number): void {
    if (this.newest.get(name) === connection) return;
    for (const queue of this.consumed.get(connection) ?? []) this.takenAlong.add(queue);
  }

  /** Returns whether the queue may have gone with the last consumer of a ghost, since nobody has declared it again. */
  mayHaveTaken(queue: string): boolean {
    return this.takenAlong.has(queue);
  }
}
