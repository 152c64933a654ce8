/** What is known of one queue. */
interface Known {
  /** Connections that have asked for it, and may have it on record. */
  readonly declarers: Set<string>;
  /** The last call that has ended well, and nothing was under way beside it. */
  last: 'declared' | 'deleted' | 'unclear';
  underWay: number;
  /** Two calls were under way at once: nobody knows which came first. */
  atOnce: boolean;
  /** Since it was declared last. */
  consumed: boolean;
  readonly deleters: Set<string>;
  readonly consumers: Set<string>;
  lastDeleter?: string;
}

/** Who has declared and deleted what, as far as answers came. */
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

  /** The only connection that has asked for it has had it deleted, and nobody has asked for it since. */
  isDeleted(queue: string): boolean {
    const known = this.queues.get(queue);
    // Who else has declared it has it on record still.
    const others = known ? [...known.declarers].filter((name) => name !== known.lastDeleter) : [];
    return known?.last === 'deleted' && others.length === 0;
  }

  /** This connection has asked for it, has got it, and is the only one that ever did. */
  isOf(connection: string, queue: string): boolean {
    const known = this.queues.get(queue);
    if (known?.last !== 'declared' || this.isShared(queue)) return false;
    return known.declarers.size === 1 && known.declarers.has(connection);
  }

  /** A consumer was registered, or tried to be. */
  onConsuming(connection: string, queue: string): void {
    const known = this.known(queue);
    known.consumed = true;
    known.consumers.add(connection);
  }

  /** A loop asks for its deliveries: nobody is told whether its consumer was registered. */
  onLooping(connection: string, queue: string): void {
    this.known(queue).consumers.add(connection);
  }

  /** queue.delete has reached the broker. */
  onDeleteSeen(connection: string, queue: string): void {
    this.known(queue).deleters.add(connection);
  }

  /** It had consumers since it was declared, all of them of connections that have it on record. */
  wasConsumed(queue: string): boolean {
    const known = this.queues.get(queue);
    if (!known?.consumed || known.underWay > 0) return false;
    return [...known.consumers].every((name) => known.declarers.has(name));
  }

  /** A call to consume has failed: what became of it at the broker, on a connection that it takes for alive, nobody knows. */
  onConsumeUnclear(queue: string): void {
    this.known(queue).consumers.add('nobody knows who');
  }

  /** A connection that its client had given up has declared, deleted or consumed it: nobody knows what came first. */
  onLate(queue: string): void {
    const known = this.known(queue);
    known.last = 'unclear';
    known.deleters.add('a connection of before');
    known.consumers.add('a connection of before');
  }

  /** Another connection has consumed it: where it deletes itself it may have gone with that, and nobody else was told. */
  isConsumedBeside(queue: string, connection: string): boolean {
    return [...(this.queues.get(queue)?.consumers ?? [])].some((name) => name !== connection);
  }

  /** Somebody has deleted it who has never asked for it. */
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
    // The broker may have made it anew, also where its answer has not come.
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
