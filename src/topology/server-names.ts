/**
 * What the broker calls the queues that it names: an application has a name of its own for each, since the broker's is
 * another one each time. Of one connection, as such queues are. The client keeps the name valid over reconnects.
 */
export class ServerNames {
  private readonly names = new Map<string, string>();

  set(queue: string, serverName: string): void {
    this.names.set(queue, serverName);
  }

  /** The broker's name of a queue; its own name, where the broker has not given it another. */
  resolve(queue: string): string {
    return this.names.get(queue) ?? queue;
  }
}
