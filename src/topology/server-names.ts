/**
 * Maps the application's names of server-named queues to the names that the broker chose. The broker chooses a new name
 * for each declaration; the client keeps the map valid over reconnects. There is one map for each connection, since
 * such queues belong to one connection.
 */
export class ServerNames {
  private readonly names = new Map<string, string>();

  set(queue: string, serverName: string): void {
    this.names.set(queue, serverName);
  }

  forget(queue: string): void {
    this.names.delete(queue);
  }

  /** Returns true if the broker has named the queue. */
  has(queue: string): boolean {
    return this.names.has(queue);
  }

  /** Returns the broker's name of a queue, or the given name if the queue is not server-named. */
  resolve(queue: string): string {
    return this.names.get(queue) ?? queue;
  }
}
