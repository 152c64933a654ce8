/** The knowledge about one queue. */
interface Known {
  /** Connections that have declared the queue and may have it on record. */
  readonly declarers: Set<string>;
  /** The last successful call, if no other call was under way. */
  last: 'declared' | 'deleted' | 'unclear';
  underWay: number;
  /** Two calls were under way at once, so their order is not known. */
  atOnce: boolean;
  /** The queue was consumed since its last declaration. */
  consumed: boolean;
  readonly deleters: Set<string>;
  readonly consumers: Set<string>;
  lastDeleter?: string;
}

/** The declarations and deletions of queues, by the answers of the broker. */
export class TopologyBook {
  private readonly queues = new Map<string, Known>();

  onDeclaring(connection: string, queue: string): void {
    const known = this.known(queue);
    known.declarers.add(connection);
    this.begin(known);
  }

  onDeclared(_connection: string, queue: string, error: unknown): void {
    this.over(queue, error, 'declared');
  }

  onDeleting(_connection: string, queue: string): void {
    this.begin(this.known(queue));
  }

  onDeleted(connection: string, queue: string, error: unknown): void {
    this.known(queue).lastDeleter = connection;
    this.over(queue, error, 'deleted');
  }

  /** Returns whether the only connection that declared the queue has deleted it and no other has declared it since. */
  isDeleted(queue: string): boolean {
    const known = this.queues.get(queue);
    // Other connections that declared the queue still have it on record.
    const others = known ? [...known.declarers].filter((name) => name !== known.lastDeleter) : [];
    return known?.last === 'deleted' && others.length === 0;
  }

  /** Returns whether this connection has declared the queue, and no other connection ever did. */
  isOf(connection: string, queue: string): boolean {
    const known = this.queues.get(queue);
    if (known?.last !== 'declared' || this.isShared(queue)) return false;
    return known.declarers.size === 1 && known.declarers.has(connection);
  }

  /** Notes an attempt to register a consumer. */
  onConsuming(connection: string, queue: string): void {
    const known = this.known(queue);
    known.consumed = true;
    known.consumers.add(connection);
  }

  /** Notes that a loop begins. Its user does not learn whether the consumer was registered. */
  onLooping(connection: string, queue: string): void {
    this.known(queue).consumers.add(connection);
  }

  /** Notes that queue.delete has reached the broker. */
  onDeleteSeen(connection: string, queue: string): void {
    this.known(queue).deleters.add(connection);
  }

  /** Returns whether the queue had consumers since its declaration, all from connections that have it on record. */
  wasConsumed(queue: string): boolean {
    const known = this.queues.get(queue);
    if (!known?.consumed || known.underWay > 0) return false;
    return [...known.consumers].every((name) => known.declarers.has(name));
  }

  /** Notes a failed call of consume. The broker may have registered the consumer, if it takes the connection for alive. */
  onConsumeUnclear(queue: string): void {
    this.known(queue).consumers.add('nobody knows who');
  }

  /** Notes a call on a connection that its client had given up. Its place in the order of calls is not known. */
  onLate(queue: string): void {
    const known = this.known(queue);
    known.last = 'unclear';
    known.deleters.add('a connection of before');
    known.consumers.add('a connection of before');
  }

  /** Returns whether another connection has consumed the queue. If it is an auto-delete queue, it may be gone unnoticed. */
  isConsumedBeside(queue: string, connection: string): boolean {
    return [...(this.queues.get(queue)?.consumers ?? [])].some((name) => name !== connection);
  }

  /** Returns whether a connection has deleted the queue without declaring it. */
  isShared(queue: string): boolean {
    const known = this.queues.get(queue);
    return known !== undefined && [...known.deleters].some((name) => !known.declarers.has(name));
  }

  declarers(queue: string): ReadonlySet<string> {
    return this.queues.get(queue)?.declarers ?? new Set();
  }

  private begin(known: Known): void {
    known.atOnce ||= known.underWay > 0;
    known.underWay++;
    known.last = 'unclear';
  }

  private over(queue: string, error: unknown, how: 'declared' | 'deleted'): void {
    const known = this.known(queue);
    known.underWay--;
    // The broker may have created the queue again, even if its answer has not come.
    if (how === 'declared') known.consumed = false;
    known.last = error === undefined && !known.atOnce ? how : 'unclear';
    if (known.underWay === 0) known.atOnce = false;
  }

  private known(queue: string): Known {
    let known = this.queues.get(queue);
    if (!known)
      this.queues.set(
        queue,
        (known = {
          declarers: new Set(),
          last: 'unclear',
          underWay: 0,
          atOnce: false,
          consumed: false,
          deleters: new Set(),
          consumers: new Set(),
        }),
      );
    return known;
  }
}
