import type { FieldTable } from '../../protocol/field-table.js';
import { Bindings, type Binding } from './bindings.js';
import { ChannelClosedError, ConnectionError, TimeoutError } from '../errors.js';
import { QueueNames } from '../queue-names.js';

export interface ExchangeDeclareOptions {
  /** Only check that the exchange exists. Default false. */
  readonly passive?: boolean;
  /** Survives a restart of the broker. Default true. */
  readonly durable?: boolean;
  /** Deleted with its last binding. Default false. */
  readonly autoDelete?: boolean;
  /** Only exchange bindings reach the exchange, no publish does. Default false. */
  readonly internal?: boolean;
  /** `alternate-exchange`, … */
  readonly arguments?: FieldTable;
}

export interface QueueDeclareOptions {
  /** Only check that the queue exists. Default false. */
  readonly passive?: boolean;
  /** Survives a restart of the broker. Default true, but false for exclusive queues. */
  readonly durable?: boolean;
  /** For this connection only, and deleted with it. Default false. */
  readonly exclusive?: boolean;
  /** Deleted with its last consumer. Default false. */
  readonly autoDelete?: boolean;
  /** `x-queue-type`, `x-message-ttl`, `x-dead-letter-exchange`, … */
  readonly arguments?: FieldTable;
}

/** Carries a record out again. */
export interface TopologyActions {
  declareExchange(name: string, type: string, options: ExchangeDeclareOptions): Promise<void>;
  /** Resolves with the queue: under a new name, where the broker names it. */
  declareQueue(name: string, options: QueueDeclareOptions): Promise<DeclaredAgain>;
  /** The queue of this name, where it is there and ours to use. */
  findQueue(name: string): Promise<DeclaredAgain | undefined>;
  bind(binding: Binding): Promise<void>;
  /** Another connection holds the queue: it could not be declared, and nothing can be bound to it. */
  isLocked(queue: string): boolean;
  /** The broker has given a queue, known by `queue`, a new name. */
  renamed(queue: string, name: string): void;
  /** An entity is there. `queue`: its name, where it is a queue. */
  succeeded(entity: string, queue?: string): void;
  /** An entity could not be restored; the others are tried all the same. */
  failed(entity: string, error: unknown, queue?: string): void;
}

/** A queue, as the broker has it. */
export interface DeclaredAgain {
  readonly queue: string;
  readonly consumerCount: number;
}

interface RecordedQueue {
  readonly options: QueueDeclareOptions;
  /** The broker names it, anew each time. */
  readonly serverNamed: boolean;
}

/**
 * Records the exchanges, queues and bindings that were declared through a connection, so that they can be declared again.
 *
 * The record contains exactly what the broker has of these declarations:
 *
 * - It changes at the moment when the broker's answer is read, even if the caller no longer waits for that answer.
 * - A new declaration waits for a deletion of the same entity that is under way, and discarding a queue waits for its
 *   declaration.
 * - An entity that the broker deletes by itself leaves the record, too: an `autoDelete` queue with its last consumer, an
 *   `autoDelete` exchange with the last binding from it, and so on along the bindings.
 *
 * The record uses the names that the user knows, see {@link QueueNames}.
 */
export class TopologyRecord {
  private readonly exchanges = new Map<string, { readonly type: string; readonly options: ExchangeDeclareOptions }>();
  private readonly queues = new Map<string, RecordedQueue>();
  private readonly bindings = new Bindings();
  readonly names = new QueueNames();
  private readonly consumers = new Map<string, Set<object>>();
  private readonly deletions = new Map<string, Promise<boolean>>();
  private readonly declarations = new Map<string, Promise<unknown>>();
  /** Restores of one queue take turns: each would have the broker give it a name. */
  private readonly turns = new Map<string, Promise<unknown>>();
  /** Auto-delete queues that were declared again for consumers of which none has come back yet. */
  private readonly unconsumed = new Set<string>();

  /** @param discard has the broker delete a queue that it has and that is not on record, if nobody uses it */
  constructor(private readonly discard: (queue: string) => void = () => {}) {}

  /** Entries of every kind. */
  get size(): number {
    const { exchanges, queues, bindings, names, consumers, deletions, declarations, turns, unconsumed } = this;
    const all = [exchanges, queues, bindings, names, consumers, deletions, declarations, turns, unconsumed];
    return all.reduce((sum, { size }) => sum + size, 0);
  }

  /** Returns the name that the queue has at the broker now. */
  resolve(queue: string): string {
    return this.names.resolve(queue);
  }

  /** The name under which the user knows a queue that the broker has named. */
  knownAs(queue: string): string {
    return this.names.knownAs(queue);
  }

  addExchange(name: string, type: string, options: ExchangeDeclareOptions): void {
    this.exchanges.set(name, { type, options });
  }

  /** @param named.serverNamed the broker has chosen the name just now; one that is on record stays what it is */
  addQueue(name: string, options: QueueDeclareOptions, { serverNamed = false } = {}): void {
    const known = this.knownAs(name);
    this.queues.set(known, { options, serverNamed: serverNamed || this.queues.get(known)?.serverNamed === true });
  }

  addBinding(binding: Binding): void {
    this.bindings.add(this.known(binding));
  }

  removeBinding(binding: Binding): void {
    if (this.bindings.delete(this.known(binding))) this.unbound(binding.source);
  }

  removeExchange(name: string): void {
    this.exchanges.delete(name);
    for (const binding of this.bindings.from(name)) this.bindings.delete(binding);
    this.removeBindingsTo('exchange', name);
  }

  removeQueue(name: string): void {
    const known = this.knownAs(name);
    this.queues.delete(known);
    this.names.forget(known);
    // They were consumers of this queue, and not of another that may take its name.
    this.consumers.delete(known);
    this.unconsumed.delete(known);
    this.removeBindingsTo('queue', known);
  }

  hasQueue(name: string): boolean {
    return this.queues.has(this.knownAs(name));
  }

  /** The broker has it registered; again after a restore. */
  consumerStarted(queue: string, consumer: object): void {
    const known = this.knownAs(queue);
    const consumers = this.consumers.get(known) ?? new Set();
    this.consumers.set(known, consumers.add(consumer));
    this.unconsumed.delete(known);
  }

  /** It is over, and does not come back. One that never began is none. */
  consumerEnded(queue: string, consumer: object): void {
    const known = this.knownAs(queue);
    const consumers = this.consumers.get(known);
    if (!consumers?.delete(consumer) || consumers.size > 0) return;
    this.consumers.delete(known);
    if (this.queues.get(known)?.options.autoDelete !== true) return;
    const [current, left] = [this.resolve(known), this.unconsumed.has(known)];
    this.removeQueue(known);
    // The broker deletes it with a consumer that it has had; this one it has not had since the queue was declared again.
    if (left) this.discard(current);
  }

  /** queue.declare of the user's is under way. @param declaration settles with the broker's answer, or the loss of it; not with a deadline */
  declaringQueue(queue: string, declaration: Promise<unknown>): void {
    const known = this.knownAs(queue);
    const declared = Promise.allSettled([this.declarations.get(known), declaration]);
    this.declarations.set(known, declared);
    void declared.then(() => {
      if (this.declarations.get(known) === declared) this.declarations.delete(known);
    });
  }

  /** Resolves once the user declares this queue no more. */
  async declarationsOf(queue: string): Promise<void> {
    const known = this.knownAs(queue);
    while (this.declarations.has(known)) await this.declarations.get(known);
  }

  /** queue.delete is under way. @param deletion settles with the broker's answer, or the loss of it; not with a deadline */
  deletingQueue(queue: string, deletion: Promise<unknown>): void {
    const known = this.knownAs(queue);
    const before = this.deletions.get(known);
    const deleted = deletion.then(
      () => true,
      async () => (await before) ?? false,
    );
    this.deletions.set(known, deleted);
    void deleted.then(() => {
      if (this.deletions.get(known) === deleted) this.deletions.delete(known);
    });
  }

  /** Resolves to true if the deletion of the queue that is under way succeeds. Undefined when none is. */
  deletionOf(queue: string): Promise<boolean> | undefined {
    return this.deletions.get(this.knownAs(queue));
  }

  /** Declares everything again: exchanges, queues, then bindings. */
  async replay(actions: TopologyActions): Promise<void> {
    for (const name of this.exchanges.keys()) await this.replayExchange(actions, name);
    for (const name of this.queues.keys()) await this.replayQueue(actions, name);
    for (const binding of this.bindings.all()) await this.replayBinding(actions, binding);
  }

  /** Declares one queue and its bindings again, and the auto-delete exchanges that went with it. */
  async replayOne(actions: TopologyActions, queue: string): Promise<void> {
    const name = this.knownAs(queue);
    await this.deletionOf(name);
    if (!this.queues.has(name)) return;
    const exchanges = new Set<string>();
    const bindings = new Set<Binding>();
    const gather = (kind: Binding['kind'], destination: string): void => {
      for (const binding of this.bindings.to(kind, destination)) {
        bindings.add(binding);
        const { source } = binding;
        if (exchanges.has(source) || this.exchanges.get(source)?.options.autoDelete !== true) continue;
        exchanges.add(source);
        gather('exchange', source);
      }
    };
    gather('queue', name);
    // First: an auto-delete exchange may go with the queue that is there still, of the connection of before.
    await this.replayQueue(actions, name);
    for (const exchange of exchanges) await this.replayExchange(actions, exchange);
    for (const binding of bindings) await this.replayBinding(actions, binding);
  }

  private async replayExchange(actions: TopologyActions, name: string): Promise<void> {
    const exchange = this.exchanges.get(name);
    if (!exchange) return;
    await attempt(actions, `exchange '${name}'`, () => actions.declareExchange(name, exchange.type, exchange.options));
  }

  private async replayQueue(actions: TopologyActions, name: string): Promise<void> {
    const before = this.turns.get(name);
    const turn = Promise.allSettled([before]).then(() => this.replayQueueNow(actions, name));
    this.turns.set(name, turn);
    try {
      await turn;
    } finally {
      if (this.turns.get(name) === turn) this.turns.delete(name);
    }
  }

  private async replayQueueNow(actions: TopologyActions, name: string): Promise<void> {
    await this.deletionOf(name);
    const queue = this.queues.get(name);
    if (!queue) return;
    await attempt(
      actions,
      `queue '${name}'`,
      async () => {
        // A name that the broker gave cannot be declared, only asked for: the queue may have outlived the loss.
        const there = queue.serverNamed ? await actions.findQueue(this.resolve(name)) : undefined;
        const declared = there ?? (await this.declareAgain(actions, name, queue));
        // Its last consumer has ended meanwhile, or it was deleted.
        if (!this.queues.has(name)) return this.discard(declared.queue);
        const unconsumed =
          queue.options.autoDelete === true && declared.consumerCount === 0 && this.consumers.has(name);
        if (unconsumed) this.unconsumed.add(name);
        if (this.names.rename(name, declared.queue)) actions.renamed(name, declared.queue);
      },
      name,
    );
  }

  /** A queue whose declaration has no answer may be there: it is marked, or discarded, as one whose declaration has. */
  private async declareAgain(
    actions: TopologyActions,
    name: string,
    { options, serverNamed }: RecordedQueue,
  ): Promise<DeclaredAgain> {
    try {
      return await actions.declareQueue(serverNamed ? '' : name, options);
    } catch (error) {
      // Nobody knows the name that the broker has given.
      if (serverNamed || !mayBeDone(error)) throw error;
      if (!this.queues.has(name)) this.discard(name);
      else if (options.autoDelete === true && this.consumers.has(name)) this.unconsumed.add(name);
      throw error;
    }
  }

  private async replayBinding(actions: TopologyActions, binding: Binding): Promise<void> {
    if (!this.bindings.has(binding)) return;
    const { kind, destination, source } = binding;
    // It comes back with its queue.
    if (kind === 'queue' && actions.isLocked(destination)) return;
    const current = kind === 'queue' ? { ...binding, destination: this.resolve(destination) } : binding;
    await attempt(actions, `binding of ${kind} '${destination}' to exchange '${source}'`, () => actions.bind(current));
  }

  private known(binding: Binding): Binding {
    return binding.kind === 'queue' ? { ...binding, destination: this.knownAs(binding.destination) } : binding;
  }

  private removeBindingsTo(kind: Binding['kind'], destination: string): void {
    const gone = this.bindings.to(kind, destination);
    for (const binding of gone) this.bindings.delete(binding);
    for (const { source } of gone) this.unbound(source);
  }

  private unbound(exchange: string): void {
    if (this.exchanges.get(exchange)?.options.autoDelete !== true) return;
    if (!this.bindings.leads(exchange)) this.removeExchange(exchange);
  }
}

/** Tells whether the broker may have carried out what has failed so. */
function mayBeDone(error: unknown): boolean {
  if ((error as { readonly outcome?: unknown }).outcome === 'not-sent') return false;
  return error instanceof ConnectionError || error instanceof ChannelClosedError || error instanceof TimeoutError;
}

async function attempt(
  actions: TopologyActions,
  entity: string,
  action: () => Promise<void>,
  queue?: string,
): Promise<void> {
  try {
    await action();
    actions.succeeded(entity, queue);
  } catch (error) {
    actions.failed(entity, error, queue);
  }
}
