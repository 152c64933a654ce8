import { isDeepStrictEqual } from 'node:util';
import type { BindingDefinition } from './bindings.js';
import type { ExchangeDefinition } from './exchanges.js';
import type { QueueDefinition } from './queues.js';
import type { TopologyOptions } from './topology.js';

/** What an application declares on one connection: the topology that it was given, and what it declares and deletes later. */
export class KnownTopology {
  readonly declare: NonNullable<TopologyOptions['declare']>;
  private readonly exchanges = new Map<string, ExchangeDefinition>();
  private readonly queues = new Map<string, QueueDefinition>();
  /** By the name of the queue or exchange that they lead to. */
  private readonly bindings = new Map<string, BindingDefinition[]>();
  private readonly given: ReadonlySet<object>;
  private changes = 0;

  constructor(given: TopologyOptions = {}) {
    this.declare = given.declare ?? 'assert';
    this.given = new Set([...(given.queues ?? []), ...(given.exchanges ?? [])]);
    this.add(given);
  }

  /** Grows with each change. */
  get version(): number {
    return this.changes;
  }

  get options(): TopologyOptions {
    return {
      declare: this.declare,
      exchanges: [...this.exchanges.values()],
      queues: [...this.queues.values()],
      bindings: [...this.bindings.values()].flat(),
    };
  }

  queue(name: string): QueueDefinition | undefined {
    return this.queues.get(name);
  }

  exchange(name: string): ExchangeDefinition | undefined {
    return this.exchanges.get(name);
  }

  bindingsOf(queue: string): readonly BindingDefinition[] {
    return (this.bindings.get(queue) ?? []).filter(({ destinationKind }) => destinationKind === 'queue');
  }

  /** Returns true for an entity of the topology that the application was given, which both connections declare. */
  isGiven(entity: QueueDefinition | ExchangeDefinition | undefined): boolean {
    return entity !== undefined && this.given.has(entity);
  }

  add({ exchanges = [], queues = [], bindings = [] }: TopologyOptions): void {
    this.changes++;
    for (const exchange of exchanges) this.exchanges.set(exchange.name, exchange);
    for (const queue of queues) this.queues.set(queue.name, queue);
    for (const binding of bindings) {
      this.removeBinding(binding);
      const { destination } = binding;
      this.bindings.set(destination, [...(this.bindings.get(destination) ?? []), binding]);
    }
  }

  hasBinding(binding: BindingDefinition): boolean {
    return (this.bindings.get(binding.destination) ?? []).some((one) => isDeepStrictEqual(one, binding));
  }

  removeBinding(binding: BindingDefinition): void {
    const { destination } = binding;
    this.keepBindings(destination, (one) => !isDeepStrictEqual(one, binding));
  }

  /** Removes the queue and its bindings. @returns them, to add again */
  removeQueue(name: string): TopologyOptions {
    const queue = this.queues.get(name);
    const bindings = this.bindingsOf(name);
    this.queues.delete(name);
    this.changes++;
    this.keepBindings(name, ({ destinationKind }) => destinationKind !== 'queue');
    return { queues: queue ? [queue] : [], bindings };
  }

  /** Removes the exchange, and the bindings from it and to it. @returns them, to add again */
  removeExchange(name: string): TopologyOptions {
    const exchange = this.exchanges.get(name);
    const concerns = ({ source, destination, destinationKind }: BindingDefinition): boolean =>
      source === name || (destinationKind === 'exchange' && destination === name);
    const bindings = [...this.bindings.values()].flat().filter(concerns);
    this.exchanges.delete(name);
    this.changes++;
    for (const { destination } of bindings) this.keepBindings(destination, (one) => !concerns(one));
    return { exchanges: exchange ? [exchange] : [], bindings };
  }

  private keepBindings(destination: string, fits: (binding: BindingDefinition) => boolean): void {
    this.changes++;
    const kept = (this.bindings.get(destination) ?? []).filter(fits);
    if (kept.length > 0) this.bindings.set(destination, kept);
    else this.bindings.delete(destination);
  }
}
