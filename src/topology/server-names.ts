/**
 * Maps the application's names of server-named queues to the names that the broker chose. The broker chooses a new name
 * for each declaration. The client takes the first name for the present one, so calls use the first name. There is one
 * map for each connection, since such queues belong to one connection.
 */
export class ServerNames {
  private readonly names = new Map<string, string>();
  /** Present names by the first one, since the last reconnect. */
  private readonly present = new Map<string, string>();

  set(queue: string, serverName: string): void {
    this.names.set(queue, serverName);
  }

  forget(queue: string): void {
    this.present.delete(this.resolve(queue));
    this.names.delete(queue);
  }

  /** Returns true if the broker has named the queue. */
  has(queue: string): boolean {
    return this.names.has(queue);
  }

  /** Called when the client has declared the queue again after a reconnect. */
  renamed(first: string, present: string): void {
    this.present.set(first, present);
  }

  /** Returns the name for calls of the client, or the given name if the queue is not server-named. */
  resolve(queue: string): string {
    return this.names.get(queue) ?? queue;
  }

  /** Returns the name that the queue has at the broker now. */
  atBroker(queue: string): string {
    const first = this.resolve(queue);
    return this.present.get(first) ?? first;
  }
}
