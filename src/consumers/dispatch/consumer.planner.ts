import { Injectable } from '@nestjs/common';
import { FieldLogger } from '../../common/field-logger.js';
import { DEFAULT_CONNECTION } from '../../connection/amqp.tokens.js';
import type { NamedConnection } from '../../registry/named-connection.js';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import { InvalidConsumerError } from '../consumer.errors.js';
import type { DiscoveredConsumer } from '../discovery/consumer.explorer.js';
import type { BatchOptions } from '../options/batch-options.js';
import type { ConsumerOptions } from '../options/consumer-options.js';
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

type Discovered = DiscoveredConsumer & { readonly selection: Selection | undefined };
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
    const queues = new Map<string, Discovered[]>();
    const off: DiscoveredConsumer[] = [];
    for (const found of discovered) {
      const { name, queue, options } = found;
      const selection = found.kind === 'batch' ? undefined : selectionOf(name, found.options);
      // It shares no consumer, or nothing is known of it.
      if (options.enabled === false && (found.kind === 'batch' || queue === '')) {
        off.push(found);
        continue;
      }
      const place = JSON.stringify([options.connection ?? DEFAULT_CONNECTION, queue]);
      queues.set(place, [...(queues.get(place) ?? []), { ...found, selection }]);
    }
    const plans: ConsumerPlan[] = [];
    for (const all of queues.values()) {
      if (all.some(({ selection }) => selection)) {
        const singles = all.map((found) => single(found, all));
        const options = sharedOptions(singles[0]!.queue, singles);
        if (options.enabled === false) off.push(...all);
        else plans.push(this.shared(singles, options));
        continue;
      }
      const working = all.filter(({ options }) => options.enabled !== false);
      off.push(...all.filter((found) => !working.includes(found)));
      const own = working.map((found) => this.alone(found));
      this.tellCompeting(working, own);
      plans.push(...own);
    }
    if (off.length > 0) this.tellOff(off);
    return plans;
  }

  private connectionOf({ connection }: ConsumerOptions | BatchOptions, name: string): NamedConnection {
    return this.connections.get(connection, `The consumer ${name}`);
  }

  private alone(found: Discovered): ConsumerPlan {
    const { name, queue } = found;
    const handlers = [name];
    const connection = this.connectionOf(found.options, name);
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

  private shared(singles: readonly Single[], options: ConsumerOptions): ConsumerPlan {
    const { queue } = singles[0]!;
    const { selection, targets, fallback } = targetsOf(
      queue,
      singles.map(({ host, ...found }) => ({
        ...found,
        host: host.wrapper,
        handler: this.handlers.create(host),
        errors: found.options.errors,
      })),
    );
    const dispatcher = new Dispatcher(queue, selection, targets, fallback);
    const handlers = [...new Set(singles.map(({ name }) => name))];
    const name = nameOf(handlers);
    const connection = this.connectionOf(options, name);
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
  private tellCompeting(all: readonly Discovered[], [plan]: readonly ConsumerPlan[]): void {
    if (!plan || all.length < 2 || isStream(plan.queue, plan.connection) || all.some(readsStream)) return;
    const { queue } = plan;
    this.logger.log(
      `${nameOf(all.map(({ name }) => name))} compete for the messages of queue '${queue}': each message goes to one of ` +
        'them. With a routingKey each gets the messages that are meant for it.',
      { queue },
    );
  }

  private tellOff(off: readonly DiscoveredConsumer[]): void {
    const all = off.map(({ name, queue }) => (queue === '' ? name : `${name} (queue '${queue}')`));
    this.logger.log(`These consumers are off (enabled: false): ${all.toSorted().join(', ')}`);
  }
}

/** @throws InvalidConsumerError */
function single(found: Discovered, all: readonly Discovered[]): Single {
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
