import { Injectable } from '@nestjs/common';
import { FieldLogger } from '../../common/field-logger.js';
import type { NamedConnection } from '../../registry/named-connection.js';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import { InvalidConsumerError } from '../consumer.errors.js';
import type { DiscoveredConsumer } from '../discovery/consumer.explorer.js';
import { HandlerFactory } from '../pipeline/handler.factory.js';
import { isStream } from '../stream/is-stream.js';
import type { ConsumerPlan } from './consumer-plan.js';
import { derivedBindings } from './derived-bindings.js';
import { Dispatcher } from './dispatcher.js';
import { listOf, selectionOf, type Selection } from './selection.js';
import { sharedOptions } from './shared-options.js';
import { targetsOf } from './targets.js';
import type { AmqpBatchContext } from '../sinks/batch/batch-item.js';

/** Names of handlers that a consumer's name lists. */
const MAX_NAMED = 3;

type Discovered = DiscoveredConsumer & {
  readonly connection: NamedConnection;
  readonly selection: Selection | undefined;
};
type Single = Extract<Discovered, { readonly kind: 'message' | 'rpc' }>;

/**
 * Decides which handlers share a consumer (decision 27): those of one queue and connection, if at least one of them is
 * selected by a routing key, a type or a header. Otherwise each handler has a consumer of its own.
 */
@Injectable()
export class ConsumerPlanner {
  private readonly logger = new FieldLogger('AmqpConsumer');

  constructor(
    private readonly handlers: HandlerFactory,
    private readonly connections: ConnectionRegistry,
  ) {}

  /** @throws InvalidConsumerError, ConfigurationError */
  plan(discovered: readonly DiscoveredConsumer[]): ConsumerPlan[] {
    const queues = new Map<NamedConnection, Map<string, Discovered[]>>();
    for (const found of discovered) {
      const { name, queue, options } = found;
      const connection = this.connections.get(options.connection, `The consumer ${name}`);
      const selection = found.kind === 'batch' ? undefined : selectionOf(name, found.options);
      const ofConnection = queues.get(connection) ?? new Map<string, Discovered[]>();
      queues.set(connection, ofConnection);
      ofConnection.set(queue, [...(ofConnection.get(queue) ?? []), { ...found, connection, selection }]);
    }
    return [...queues.values()].flatMap((ofConnection) =>
      [...ofConnection.values()].flatMap((all) => this.ofQueue(all)),
    );
  }

  private ofQueue(all: readonly Discovered[]): ConsumerPlan[] {
    const selected = all.filter(({ selection }) => selection);
    if (selected.length > 0) return [this.shared(all)];
    this.tellCompeting(all);
    return all.map((found) => this.alone(found));
  }

  private alone(found: Discovered): ConsumerPlan {
    const { name, queue, connection } = found;
    const handlers = [name];
    if (found.kind === 'batch') {
      const { kind, options } = found;
      const handler = this.handlers.create<AmqpBatchContext>(found.host);
      return { name, handlers, queue, connection, bindings: [], kind, options, handler };
    }
    const { kind, options } = found;
    if (options.bind !== undefined) {
      throw new InvalidConsumerError(
        `${name}: bind binds queue '${queue}' by the routing keys of its handlers, and none of them has one. Add a routingKey, ` +
          'or declare the binding in the topology.',
      );
    }
    return {
      name,
      handlers,
      queue,
      connection,
      bindings: [],
      kind,
      options,
      handler: this.handlers.create(found.host),
    };
  }

  private shared(all: readonly Discovered[]): ConsumerPlan {
    const singles = all.map((found) => single(found, all));
    const { queue, connection } = singles[0]!;
    const { selection, targets, fallback } = targetsOf(
      queue,
      singles.map(({ host, ...found }) => ({ ...found, host: host.wrapper, handler: this.handlers.create(host) })),
    );
    const options = sharedOptions(queue, singles);
    const dispatcher = new Dispatcher(queue, selection, targets, fallback);
    const handlers = [...new Set(singles.map(({ name }) => name))];
    const name = nameOf(handlers);
    const exchanges = options.bind === undefined ? [] : listOf(options.bind);
    return {
      name,
      handlers,
      queue,
      connection,
      kind: singles.some(({ kind }) => kind === 'rpc') ? 'rpc' : 'message',
      options,
      handler: dispatcher.handle,
      sharing: dispatcher,
      bindings: derivedBindings(queue, exchanges, [...targets.keys()], connection, name),
    };
  }

  /** Each consumer of a stream gets all messages. */
  private tellCompeting(all: readonly Discovered[]): void {
    const [first] = all;
    if (!first || all.length < 2 || isStream(first.queue, first.connection) || all.some(readsStream)) return;
    const { queue } = first;
    this.logger.log(
      `${nameOf(all.map(({ name }) => name))} compete for the messages of queue '${queue}': each message goes to one of ` +
        'them. With a routingKey each gets the messages that are meant for it.',
      { queue },
    );
  }
}

/** @throws InvalidConsumerError */
function single(found: Discovered, all: readonly Discovered[]): Single & Pick<Discovered, 'selection' | 'connection'> {
  if (found.kind !== 'batch') return found;
  const other = all.find(({ selection }) => selection)!;
  throw new InvalidConsumerError(
    `${found.name} takes messages of queue '${found.queue}' in batches, and cannot share the consumer of ${other.name}. Give ` +
      'it a queue of its own.',
  );
}

function readsStream({ options }: Discovered): boolean {
  return options.offset !== undefined || options.trackOffset !== undefined;
}

/** `Orders.onCreated, Orders.onPaid and 7 more` */
function nameOf(names: readonly string[]): string {
  const listed =
    names.length <= MAX_NAMED ? names : [...names.slice(0, MAX_NAMED - 1), `${names.length - MAX_NAMED + 1} more`];
  return listed.length < 2 ? listed.join() : `${listed.slice(0, -1).join(', ')} and ${listed.at(-1)}`;
}
