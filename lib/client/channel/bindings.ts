import type { FieldTable } from '../../protocol/field-table.js';
import { tableKey } from '../../protocol/table-key.js';

/** A binding from `source` to a queue or an exchange. */
export interface Binding {
  readonly kind: 'queue' | 'exchange';
  readonly destination: string;
  readonly source: string;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

/** Bindings, indexed by both ends, so that a temporary queue that ends does not search through all bindings. */
export class Bindings {
  private readonly byKey = new Map<string, Binding>();
  private readonly keysFrom = new Map<string, Set<string>>();
  private readonly keysTo = new Map<string, Set<string>>();

  get size(): number {
    return this.byKey.size;
  }

  add(binding: Binding): void {
    const key = keyOf(binding);
    this.byKey.set(key, binding);
    group(this.keysFrom, binding.source).add(key);
    group(this.keysTo, endOf(binding)).add(key);
  }

  has(binding: Binding): boolean {
    return this.byKey.has(keyOf(binding));
  }

  /** Returns false if there was none. */
  delete(binding: Binding): boolean {
    const key = keyOf(binding);
    ungroup(this.keysFrom, binding.source, key);
    ungroup(this.keysTo, endOf(binding), key);
    return this.byKey.delete(key);
  }

  /** Returns true if the exchange is the source of a binding. */
  leads(source: string): boolean {
    return this.keysFrom.has(source);
  }

  all(): readonly Binding[] {
    return [...this.byKey.values()];
  }

  from(source: string): readonly Binding[] {
    return this.listed(this.keysFrom.get(source));
  }

  to(kind: Binding['kind'], destination: string): readonly Binding[] {
    return this.listed(this.keysTo.get(endOf({ kind, destination })));
  }

  private listed(keys: Iterable<string> = []): readonly Binding[] {
    return [...keys].map((key) => this.byKey.get(key)!);
  }
}

function group(groups: Map<string, Set<string>>, name: string): Set<string> {
  const found = groups.get(name) ?? new Set();
  groups.set(name, found);
  return found;
}

function ungroup(groups: Map<string, Set<string>>, name: string, key: string): void {
  const found = groups.get(name);
  found?.delete(key);
  if (found?.size === 0) groups.delete(name);
}

function endOf({ kind, destination }: Pick<Binding, 'kind' | 'destination'>): string {
  return `${kind} ${destination}`;
}

/** The broker distinguishes bindings by all these values. Arguments are equal if they are equal on the wire. */
function keyOf({ kind, destination, source, routingKey, arguments: args }: Binding): string {
  return JSON.stringify([kind, destination, source, routingKey, tableKey(args)]);
}
