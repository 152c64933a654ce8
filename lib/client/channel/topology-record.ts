import { Bindings, type Binding } from './bindings.js';
import { exchangeOf, keyOf, queueOf, type Entity } from './entity.js';
import { EntityCalls } from './entity-calls.js';
import type { ExchangeDeclareOptions, QueueDeclareOptions } from './method-options.js';
import { ChannelClosedError, ConnectionError, TimeoutError } from '../errors.js';
import { QueueNames } from '../queue-names.js';

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

interface RecordedExchange {
  readonly type: string;
  readonly options: ExchangeDeclareOptions;
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
 * - A new declaration waits for a deletion of the same entity that is under way, and discarding an entity waits for its
 *   declaration.
 * - An entity that the broker deletes by itself leaves the record, too: an `autoDelete` queue with its last consumer, an
 *   `autoDelete` exchange with the last binding from it, and so on along the bindings.
 * - The broker does not delete an `autoDelete` entity that was declared again and whose users (consumers of the queue,
 *   bindings from the exchange) ended before they came back. Such an abandoned entity is discarded. It stays on record
 *   until the broker has answered, since it may get a new user meanwhile.
 *
 * The record uses the names that the user knows, see {@link QueueNames}.
 */
export class TopologyRecord {
  private readonly exchanges = new Map<string, RecordedExchange>();
  private readonly queues = new Map<string, RecordedQueue>();
  private readonly bindings = new Bindings();
  readonly names = new QueueNames();
  private readonly consumers = new Map<string, Set<object>>();
  private readonly calls = new EntityCalls();
  /** Keys of the auto-delete entities that were declared again and that have had no user since. */
  private readonly unused = new Set<string>();

  /** @param discard has the broker delete an entity if it is unused; a queue has its present name */
  constructor(private readonly discard: (entity: Entity) => void = () => {}) {}

  /** The number of all entries. */
  get size(): number {
    const { exchanges, queues, bindings, names, consumers, calls, unused } = this;
    return [exchanges, queues, bindings, names, consumers, calls, unused].reduce((sum, { size }) => sum + size, 0);
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
    this.declared(exchangeOf(name));
  }

  /** @param named.serverNamed true if the broker has chosen the name just now; a recorded queue keeps its kind */
  addQueue(name: string, options: QueueDeclareOptions, { serverNamed = false } = {}): void {
    const known = this.knownAs(name);
    this.queues.set(known, { options, serverNamed: serverNamed || this.queues.get(known)?.serverNamed === true });
    this.declared(queueOf(known));
  }

  addBinding(binding: Binding): void {
    this.bindings.add(this.known(binding));
    this.unused.delete(keyOf(exchangeOf(binding.source)));
  }

  removeBinding(binding: Binding): void {
    if (this.bindings.delete(this.known(binding))) this.unbound(binding.source);
  }

  removeExchange(name: string): void {
    this.exchanges.delete(name);
    this.unused.delete(keyOf(exchangeOf(name)));
    for (const binding of this.bindings.from(name)) this.bindings.delete(binding);
    this.removeBindingsTo('exchange', name);
  }

  removeQueue(name: string): void {
    const known = this.knownAs(name);
    this.queues.delete(known);
    this.names.forget(known);
    // They were consumers of this queue, not of a later queue of the same name.
    this.consumers.delete(known);
    this.unused.delete(keyOf(queueOf(known)));
    this.removeBindingsTo('queue', known);
  }

  /** Returns true if the queue is on record and not abandoned. */
  hasQueue(name: string): boolean {
    return this.has(queueOf(name));
  }

  /** Returns true if the entity is on record and not abandoned. */
  has(entity: Entity): boolean {
    const known = this.meant(entity);
    return this.isRecorded(known) && !this.isAbandoned(known);
  }

  /** Records that the broker has registered the consumer, also after a restore. */
  consumerStarted(queue: string, consumer: object): void {
    const known = this.knownAs(queue);
    const consumers = this.consumers.get(known) ?? new Set();
    this.consumers.set(known, consumers.add(consumer));
    this.unused.delete(keyOf(queueOf(known)));
  }

  /** Records the end of a consumer. A consumer that was never registered does not count. */
  consumerEnded(queue: string, consumer: object): void {
    const known = this.knownAs(queue);
    const consumers = this.consumers.get(known);
    if (!consumers?.delete(consumer) || consumers.size > 0) return;
    this.consumers.delete(known);
    if (this.queues.get(known)?.options.autoDelete === true) this.lastUserEnded(queueOf(known));
  }

  /**
   * Records that the user's declaration is pending. @param declaration settles with the broker's answer or its loss,
   * not with a deadline
   */
  declaring(entity: Entity, declaration: Promise<unknown>): void {
    this.calls.declaring(this.meant(entity), declaration);
  }

  /** Resolves when no declaration of this entity by the user is pending. */
  async declarationsOf(entity: Entity): Promise<void> {
    await this.calls.declarationsOf(this.meant(entity));
  }

  /**
   * Records that queue.delete is pending. @param deletion settles with the broker's answer or its loss, not with a
   * deadline
   */
  deletingQueue(queue: string, deletion: Promise<unknown>): void {
    this.calls.deleting(this.meant(queueOf(queue)), deletion);
  }

  /** Resolves to true if the pending deletion of the queue succeeds. Undefined if none is pending. */
  deletionOf(queue: string): Promise<boolean> | undefined {
    return this.calls.deletionOf(this.meant(queueOf(queue)));
  }

  /** Records that the broker has deleted an entity that was discarded, or has refused to: others use it. */
  discarded(entity: Entity): void {
    const known = this.meant(entity);
    if (this.isAbandoned(known)) this.remove(known);
  }

  /** Declares everything again: exchanges, queues, then bindings. */
  async replay(actions: TopologyActions): Promise<void> {
    for (const name of this.exchanges.keys()) await this.replayExchange(actions, name);
    for (const name of this.queues.keys()) await this.replayQueue(actions, name);
    for (const binding of this.bindings.all()) await this.replayBinding(actions, binding);
  }

  /**
   * Declares one entity and its bindings again, and the auto-delete exchanges that went with it.
   */
  async replayOne(actions: TopologyActions, entity: Entity): Promise<void> {
    const known = this.meant(entity);
    await this.calls.deletionOf(known);
    if (!this.has(known)) return;
    const exchanges = new Set<string>();
    const bindings = new Set<Binding>();
    const gather = ({ kind, name }: Entity): void => {
      for (const binding of this.bindings.to(kind, name)) {
        bindings.add(binding);
        const { source } = binding;
        if (exchanges.has(source) || this.exchanges.get(source)?.options.autoDelete !== true) continue;
        exchanges.add(source);
        gather(exchangeOf(source));
      }
    };
    gather(known);
    // First, since an auto-delete exchange may be deleted together with a queue of the former connection that still
    // exists.
    if (known.kind === 'queue') await this.replayQueue(actions, known.name);
    else {
      exchanges.add(known.name);
      for (const binding of this.bindings.from(known.name)) bindings.add(binding);
    }
    for (const exchange of exchanges) await this.replayExchange(actions, exchange);
    for (const binding of bindings) await this.replayBinding(actions, binding);
  }

  private async replayExchange(actions: TopologyActions, name: string): Promise<void> {
    await this.inTurn(exchangeOf(name), async (entity) => {
      const exchange = this.exchanges.get(name);
      if (!exchange) return;
      await attempt(actions, `exchange '${name}'`, async () => {
        await this.declareAgain(entity, () => actions.declareExchange(name, exchange.type, exchange.options));
        if (!this.isRecorded(entity)) this.discard(entity);
      });
    });
  }

  /** In turn, since each restore of a queue could let the broker choose a name. */
  private async replayQueue(actions: TopologyActions, name: string): Promise<void> {
    await this.inTurn(queueOf(name), async (entity) => {
      await this.deletionOf(name);
      const queue = this.queues.get(name);
      if (!queue) return;
      const { serverNamed, options } = queue;
      const declare = async (): Promise<DeclaredAgain> => {
        // A name that the broker has chosen cannot be declared, only checked: the queue may have survived the loss.
        const there = serverNamed ? await actions.findQueue(this.resolve(name)) : undefined;
        return there ?? (await actions.declareQueue(serverNamed ? '' : name, options));
      };
      await attempt(
        actions,
        `queue '${name}'`,
        async () => {
          const declared = await this.declareAgain(entity, declare, { nameless: serverNamed });
          if (!this.isRecorded(entity)) return this.discard(queueOf(declared.queue));
          if (declared.consumerCount > 0 && this.isUsed(entity)) this.unused.delete(keyOf(entity));
          if (this.names.rename(name, declared.queue)) actions.renamed(name, declared.queue);
        },
        name,
      );
    });
  }

  /** Runs the restores of one entity one after the other. An abandoned entity is discarded instead. */
  private async inTurn(entity: Entity, replay: (entity: Entity) => Promise<void>): Promise<void> {
    try {
      await this.calls.inTurn(entity, async () => {
        if (!this.isAbandoned(entity)) await replay(entity);
      });
    } finally {
      if (this.isAbandoned(entity) && !this.calls.isRestoring(entity)) this.discard(this.atBroker(entity));
    }
  }

  /**
   * Declares an entity whose users are to come back. They may end before the answer, so the entity counts as unused from
   * now on. It may exist although its declaration got no answer.
   *
   * @param nameless true if the broker chooses the name, which is then unknown without an answer
   */
  private async declareAgain<R>(entity: Entity, declare: () => Promise<R>, { nameless = false } = {}): Promise<R> {
    const key = keyOf(entity);
    const marked = this.isAutoDelete(entity) && this.isUsed(entity) && !this.unused.has(key);
    if (marked) this.unused.add(key);
    try {
      return await declare();
    } catch (error) {
      const mayExist = !nameless && mayBeDone(error);
      if (mayExist && !this.isRecorded(entity)) this.discard(entity);
      if (!mayExist && marked && this.unused.delete(key) && !this.isUsed(entity)) this.remove(entity);
      throw error;
    }
  }

  private async replayBinding(actions: TopologyActions, binding: Binding): Promise<void> {
    if (!this.bindings.has(binding)) return;
    const { kind, destination, source } = binding;
    // The binding is restored with its queue.
    if (kind === 'queue' && actions.isLocked(destination)) return;
    if (this.isAbandoned({ kind, name: destination })) return;
    const current = kind === 'queue' ? { ...binding, destination: this.resolve(destination) } : binding;
    await attempt(actions, `binding of ${kind} '${destination}' to exchange '${source}'`, async () => {
      await actions.bind(current);
      this.unused.delete(keyOf(exchangeOf(source)));
    });
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
    if (!this.bindings.leads(exchange)) this.lastUserEnded(exchangeOf(exchange));
  }

  /** The broker deletes an auto-delete entity with its last user, but keeps one that nobody has used. */
  private lastUserEnded(entity: Entity): void {
    if (!this.unused.has(keyOf(entity))) this.remove(entity);
    // A declaration that is under way would come after the deletion.
    else if (!this.calls.isRestoring(entity)) this.discard(this.atBroker(entity));
  }

  /** The user has declared the entity. Nobody has abandoned it, unless its users come back and end. */
  private declared(entity: Entity): void {
    if (!this.isUsed(entity)) this.unused.delete(keyOf(entity));
  }

  private isAbandoned(entity: Entity): boolean {
    return this.unused.has(keyOf(entity)) && !this.isUsed(entity);
  }

  private isUsed({ kind, name }: Entity): boolean {
    return kind === 'queue' ? this.consumers.has(name) : this.bindings.leads(name);
  }

  private isRecorded({ kind, name }: Entity): boolean {
    return (kind === 'queue' ? this.queues : this.exchanges).has(name);
  }

  private isAutoDelete({ kind, name }: Entity): boolean {
    return (kind === 'queue' ? this.queues : this.exchanges).get(name)?.options.autoDelete === true;
  }

  private remove({ kind, name }: Entity): void {
    if (kind === 'queue') this.removeQueue(name);
    else this.removeExchange(name);
  }

  /** Returns the entity with the name that the user knows. */
  private meant(entity: Entity): Entity {
    return entity.kind === 'queue' ? queueOf(this.knownAs(entity.name)) : entity;
  }

  /** Returns the entity with its present name at the broker. */
  private atBroker(entity: Entity): Entity {
    return entity.kind === 'queue' ? queueOf(this.resolve(entity.name)) : entity;
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
