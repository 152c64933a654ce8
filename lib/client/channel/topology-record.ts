import type { FieldTable } from '../../protocol/field-table.js';

export interface ExchangeDeclareOptions {
  /** Only check that it is there. Default false. */
  readonly passive?: boolean;
  /** Survives a restart of the broker. Default true. */
  readonly durable?: boolean;
  /** Deleted with its last binding. Default false. */
  readonly autoDelete?: boolean;
  /** Reached only through exchange bindings, never by a publish. Default false. */
  readonly internal?: boolean;
  /** `alternate-exchange`, … */
  readonly arguments?: FieldTable;
}

export interface QueueDeclareOptions {
  /** Only check that it is there. Default false. */
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

/** A binding from `source` to a queue or an exchange. */
export interface Binding {
  readonly kind: 'queue' | 'exchange';
  readonly destination: string;
  readonly source: string;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

/** Carries a record out again. */
export interface TopologyActions {
  declareExchange(name: string, type: string, options: ExchangeDeclareOptions): Promise<void>;
  /** Resolves with the queue's name: a new one, where the broker names it. */
  declareQueue(name: string, options: QueueDeclareOptions): Promise<string>;
  /** A queue of this name is there, and ours to use. */
  queueExists(name: string): Promise<boolean>;
  bind(binding: Binding): Promise<void>;
  /** An entity could not be restored; the others are tried all the same. */
  failed(entity: string, error: unknown): void;
}

interface RecordedQueue {
  readonly options: QueueDeclareOptions;
  /** The broker names it, anew each time. */
  readonly serverNamed: boolean;
}

/**
 * What was declared through a connection, so that it can be declared again: exchanges, queues, bindings. The user's
 * name of a server-named queue stays valid: it stands for whatever the broker calls that queue now.
 */
export class TopologyRecord {
  private readonly exchanges = new Map<string, { readonly type: string; readonly options: ExchangeDeclareOptions }>();
  private readonly queues = new Map<string, RecordedQueue>();
  private readonly bindings = new Map<string, Binding>();
  private readonly currentNames = new Map<string, string>();

  /** What the broker calls this queue now. */
  resolve(queue: string): string {
    return this.currentNames.get(queue) ?? queue;
  }

  addExchange(name: string, type: string, options: ExchangeDeclareOptions): void {
    this.exchanges.set(name, { type, options });
  }

  addQueue(name: string, options: QueueDeclareOptions, serverNamed: boolean): void {
    this.queues.set(name, { options, serverNamed });
  }

  addBinding(binding: Binding): void {
    this.bindings.set(keyOf(binding), binding);
  }

  removeBinding(binding: Binding): void {
    this.bindings.delete(keyOf(binding));
  }

  removeExchange(name: string): void {
    this.exchanges.delete(name);
    this.removeBindings(
      (binding) => binding.source === name || (binding.kind === 'exchange' && binding.destination === name),
    );
  }

  removeQueue(name: string): void {
    this.queues.delete(name);
    this.currentNames.delete(name);
    this.removeBindings((binding) => binding.kind === 'queue' && binding.destination === name);
  }

  hasQueue(name: string): boolean {
    return this.queues.has(name);
  }

  /** Declares everything again: exchanges, queues, then bindings. */
  async replay(actions: TopologyActions): Promise<void> {
    for (const [name, { type, options }] of this.exchanges) {
      await attempt(actions, `exchange '${name}'`, () => actions.declareExchange(name, type, options));
    }
    for (const [name, queue] of this.queues) await this.replayQueue(actions, name, queue);
    for (const binding of this.bindings.values()) await this.replayBinding(actions, binding);
  }

  /** Declares one queue and its bindings again, and the auto-delete exchanges that went with it. */
  async replayOne(actions: TopologyActions, name: string): Promise<void> {
    const queue = this.queues.get(name);
    if (!queue) return;
    const bindings = [...this.bindings.values()].filter(
      ({ kind, destination }) => kind === 'queue' && destination === name,
    );
    for (const { source } of bindings) {
      const exchange = this.exchanges.get(source);
      if (exchange?.options.autoDelete !== true) continue;
      await attempt(actions, `exchange '${source}'`, () =>
        actions.declareExchange(source, exchange.type, exchange.options),
      );
    }
    await this.replayQueue(actions, name, queue);
    for (const binding of bindings) await this.replayBinding(actions, binding);
  }

  private async replayQueue(
    actions: TopologyActions,
    name: string,
    { options, serverNamed }: RecordedQueue,
  ): Promise<void> {
    await attempt(actions, `queue '${name}'`, async () => {
      // A name that the broker gave cannot be declared, only asked for: the queue may have outlived the loss.
      if (serverNamed && (await actions.queueExists(this.resolve(name)))) return;
      const current = await actions.declareQueue(serverNamed ? '' : name, options);
      if (current !== name) this.currentNames.set(name, current);
    });
  }

  private async replayBinding(actions: TopologyActions, binding: Binding): Promise<void> {
    const { kind, destination, source } = binding;
    const current = kind === 'queue' ? { ...binding, destination: this.resolve(destination) } : binding;
    await attempt(actions, `binding of ${kind} '${destination}' to exchange '${source}'`, () => actions.bind(current));
  }

  private removeBindings(gone: (binding: Binding) => boolean): void {
    for (const [key, binding] of this.bindings) if (gone(binding)) this.bindings.delete(key);
  }
}

async function attempt(actions: TopologyActions, entity: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    actions.failed(entity, error);
  }
}

function keyOf({ kind, destination, source, routingKey, arguments: args }: Binding): string {
  const replacer = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);
  return JSON.stringify([kind, destination, source, routingKey, args], replacer);
}
