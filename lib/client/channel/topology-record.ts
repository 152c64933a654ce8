import type { FieldTable } from '../../protocol/field-table.js';
import { Bindings, type Binding } from './bindings.js';
import { ChannelClosedError, ConnectionError, TimeoutError } from '../errors.js';
import { QueueNames } from '../queue-names.js';

export interface ExchangeDeclareOptions {
  /** Only check that the exchange exists. Default false. */
  readonly passive?: boolean;
  /** Survives a restart of the broker. Default true. */
  readonly durable?: boolean;
  /** The exchange is deleted with its last binding. Default false. */
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
  /** Only this connection can use the queue, and the queue is deleted with it. Default false. */
  readonly exclusive?: boolean;
  /** The queue is deleted with its last consumer. Default false. */
  readonly autoDelete?: boolean;
  /** `x-queue-type`, `x-message-ttl`, `x-dead-letter-exchange`, … */
  readonly arguments?: FieldTable;
}

/** Carries out the declarations of a record again. */
export interface TopologyActions {
  declareExchange(name: string, type: string, options: ExchangeDeclareOptions): Promise<void>;
  /** Resolves with the queue, which has a new name if the broker chooses it. */
  declareQueue(name: string, options: QueueDeclareOptions): Promise<DeclaredAgain>;
  /** Resolves if the queue exists and can be used. */
  findQueue(name: string): Promise<DeclaredAgain | undefined>;
  bind(binding: Binding): Promise<void>;
  /** Returns true if another connection owns the queue, so that it can be neither declared nor bound. */
  isLocked(queue: string): boolean;
  /** The broker has given a new name to the queue that is known as `queue`. */
  renamed(queue: string, name: string): void;
  /** An entity exists now. `queue` is its name if it is a queue. */
  succeeded(entity: string, queue?: string): void;
  /** An entity could not be restored. The others are still tried. */
  failed(entity: string, error: unknown, queue?: string): void;
}

/** A queue, as the broker has it. */
export interface DeclaredAgain {
  readonly queue: string;
  readonly consumerCount: number;
}

interface RecordedQueue {
  readonly options: QueueDeclareOptions;
  /** True if the broker chooses the name at each declaration. */
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
  /** Restores of one queue take turns, since each of them could let the broker choose a name. */
  private readonly turns = new Map<string, Promise<unknown>>();
  /** Auto-delete queues that were declared again and whose consumers are not restored yet. */
  private readonly unconsumed = new Set<string>();

  /** @param discard has the broker delete an unused queue that is not on record */
  constructor(private readonly discard: (queue: string) => void = () => {}) {}

  /** The number of all entries. */
  get size(): number {
    const { exchanges, queues, bindings, names, consumers, deletions, declarations, turns, unconsumed } = this;
    const all = [exchanges, queues, bindings, names, consumers, deletions, declarations, turns, unconsumed];
    return all.reduce((sum, { size }) => sum + size, 0);
  }

  /** Returns the present name of the queue at the broker. */
  resolve(queue: string): string {
    return this.names.resolve(queue);
  }

  /** Returns the name under which the user knows a server-named queue. */
  knownAs(queue: string): string {
    return this.names.knownAs(queue);
  }

  addExchange(name: string, type: string, options: ExchangeDeclareOptions): void {
    this.exchanges.set(name, { type, options });
  }

  /** @param named.serverNamed true if the broker has chosen the name just now; a recorded queue keeps its kind */
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
    // They were consumers of this queue, not of a later queue of the same name.
    this.consumers.delete(known);
    this.unconsumed.delete(known);
    this.removeBindingsTo('queue', known);
  }

  hasQueue(name: string): boolean {
    return this.queues.has(this.knownAs(name));
  }

  /** Records that the broker has registered the consumer, also after a restore. */
  consumerStarted(queue: string, consumer: object): void {
    const known = this.knownAs(queue);
    const consumers = this.consumers.get(known) ?? new Set();
    this.consumers.set(known, consumers.add(consumer));
    this.unconsumed.delete(known);
  }

  /** Records the end of a consumer. A consumer that was never registered does not count. */
  consumerEnded(queue: string, consumer: object): void {
    const known = this.knownAs(queue);
    const consumers = this.consumers.get(known);
    if (!consumers?.delete(consumer) || consumers.size > 0) return;
    this.consumers.delete(known);
    if (this.queues.get(known)?.options.autoDelete !== true) return;
    const [current, left] = [this.resolve(known), this.unconsumed.has(known)];
    this.removeQueue(known);
    // The broker deletes an auto-delete queue with a consumer that was registered. This consumer was not registered
    // since the queue was declared again.
    if (left) this.discard(current);
  }

  /**
   * Records that the user's queue.declare is pending. @param declaration settles with the broker's answer or its loss,
   * not with a deadline
   */
  declaringQueue(queue: string, declaration: Promise<unknown>): void {
    const known = this.knownAs(queue);
    const declared = Promise.allSettled([this.declarations.get(known), declaration]);
    this.declarations.set(known, declared);
    void declared.then(() => {
      if (this.declarations.get(known) === declared) this.declarations.delete(known);
    });
  }

  /** Resolves when no declaration of this queue by the user is pending. */
  async declarationsOf(queue: string): Promise<void> {
    const known = this.knownAs(queue);
    while (this.declarations.has(known)) await this.declarations.get(known);
  }

  /**
   * Records that queue.delete is pending. @param deletion settles with the broker's answer or its loss, not with a
   * deadline
   */
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

  /** Resolves to true if the pending deletion of the queue succeeds. Undefined if none is pending. */
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
    // First, since an auto-delete exchange may be deleted together with a queue of the former connection that still
    // exists.
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
        // A name that the broker has chosen cannot be declared, only checked: the queue may have survived the loss.
        const there = queue.serverNamed ? await actions.findQueue(this.resolve(name)) : undefined;
        const declared = there ?? (await this.declareAgain(actions, name, queue));
        // The last consumer of the queue has ended meanwhile, or the queue was deleted.
        if (!this.queues.has(name)) return this.discard(declared.queue);
        const unconsumed =
          queue.options.autoDelete === true && declared.consumerCount === 0 && this.consumers.has(name);
        if (unconsumed) this.unconsumed.add(name);
        if (this.names.rename(name, declared.queue)) actions.renamed(name, declared.queue);
      },
      name,
    );
  }

  /** A queue may exist although its declaration got no answer. It is marked or discarded like an answered one. */
  private async declareAgain(
    actions: TopologyActions,
    name: string,
    { options, serverNamed }: RecordedQueue,
  ): Promise<DeclaredAgain> {
    try {
      return await actions.declareQueue(serverNamed ? '' : name, options);
    } catch (error) {
      // The name that the broker has chosen is unknown.
      if (serverNamed || !mayBeDone(error)) throw error;
      if (!this.queues.has(name)) this.discard(name);
      else if (options.autoDelete === true && this.consumers.has(name)) this.unconsumed.add(name);
      throw error;
    }
  }

  private async replayBinding(actions: TopologyActions, binding: Binding): Promise<void> {
    if (!this.bindings.has(binding)) return;
    const { kind, destination, source } = binding;
    // The binding is restored with its queue.
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

/** Returns true if the broker may have carried out a call that failed with this error. */
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
