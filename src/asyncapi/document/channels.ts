import type { BindingDefinition } from '../../topology/bindings.js';
import type { QueueDefinition } from '../../topology/queues.js';
import type { SurveyedConnection } from '../survey/places.js';
import { DEFAULT_CONNECTION } from '../../connection/amqp.tokens.js';
import type { ChannelObject, Reference } from './document.js';
import { Ids } from './ids.js';

const BINDING = { bindingVersion: '0.3.0' } as const;
/** Types that the AMQP binding of AsyncAPI knows. */
const EXCHANGE_TYPES: ReadonlySet<string> = new Set(['topic', 'direct', 'fanout', 'headers']);

/** A queue of messages that failed. */
export interface FailedMessages {
  readonly role: 'retry' | 'parked';
  /** The queue that the messages come from. */
  readonly of: string;
  /** ms. */
  readonly delay?: number;
}

/** The channels of a document. */
export class Channels {
  readonly channels: Record<string, ChannelObject> = {};
  private readonly ids = new Ids();

  /** Returns the id of the channel of an exchange and a routing key; undefined if the key is not known. */
  exchange(connection: SurveyedConnection, exchange: string, routingKey: string | undefined): string {
    // The default exchange routes by the name of a queue.
    if (exchange === '' && routingKey !== undefined) return this.queue(connection, routingKey);
    const declared = connection.topology.exchange(exchange);
    const type = exchange === '' ? 'default' : declared?.type;
    const isKnown = type !== undefined && (type === 'default' || EXCHANGE_TYPES.has(type));
    return this.add(connection, ['exchange', exchange, routingKey ?? ''], {
      ...addressOf(routingKey),
      title: routingKey === undefined ? `exchange ${exchange}` : `${routingKey} (exchange ${exchange})`,
      bindings: {
        amqp: {
          is: 'routingKey',
          exchange: {
            name: exchange,
            ...(isKnown && { type }),
            ...(declared && { durable: declared.durable, autoDelete: declared.autoDelete }),
            vhost: connection.vhost,
          },
          ...BINDING,
        },
      },
      ...(declared && !isKnown && { 'x-nest-amqp': { type: declared.type } }),
    });
  }

  /** Returns the id of the channel of a queue. @param given the definition of a queue that the topology does not have */
  queue(connection: SurveyedConnection, queue: string, given?: QueueDefinition, failed?: FailedMessages): string {
    const declared = connection.topology.queue(queue) ?? given;
    const bindings = connection.bindings.filter(
      ({ destinationKind, destination }) => destinationKind === 'queue' && destination === queue,
    );
    const table = Object.entries(declared?.arguments ?? {});
    const more = {
      ...failed,
      ...(table.length > 0 && { arguments: Object.fromEntries(table) }),
      ...(bindings.length > 0 && { bindings: bindings.map(shownBinding) }),
    };
    return this.add(connection, ['queue', queue], {
      ...addressOf(declared?.serverNamed ? undefined : queue),
      title: titleOf(queue, failed),
      ...(failed && { description: describe(failed), tags: [{ name: failed.role }] }),
      bindings: {
        amqp: {
          is: 'queue',
          queue: {
            name: declared?.serverNamed ? '' : queue,
            ...(declared && {
              durable: declared.durable,
              exclusive: declared.exclusive,
              autoDelete: declared.autoDelete,
            }),
            vhost: connection.vhost,
          },
          ...BINDING,
        },
      },
      ...(Object.keys(more).length > 0 && { 'x-nest-amqp': more }),
    });
  }

  /** Returns the id of the channel of replies: the queue that a request names in its `reply-to`. */
  replies(connection: SurveyedConnection, message: string): string {
    return this.add(connection, ['replies', message], { address: null, title: `replies to ${message}` });
  }

  /** Adds a message to a channel. @returns a reference to it there */
  carry(channel: string, message: string): Reference {
    this.channels[channel]!.messages[message] = { $ref: `#/components/messages/${message}` };
    return { $ref: `#/channels/${channel}/messages/${message}` };
  }

  private add(
    { name, servers }: SurveyedConnection,
    parts: readonly string[],
    channel: Omit<ChannelObject, 'servers' | 'messages'>,
  ): string {
    const id = this.ids.of(...(name === DEFAULT_CONNECTION ? [] : [name]), ...parts);
    const references = servers.map(({ id: server }) => ({ $ref: `#/servers/${server}` }));
    this.channels[id] ??= { ...channel, ...(references.length > 0 && { servers: references }), messages: {} };
    return id;
  }
}

/** Braces in an address are parameters, which RabbitMQ does not have. */
function addressOf(name: string | undefined): Pick<ChannelObject, 'address'> {
  return { address: name === undefined || name === '' || /[{}]/.test(name) ? null : name };
}

function titleOf(queue: string, failed: FailedMessages | undefined): string {
  return failed ? `${failed.role === 'parked' ? 'parked' : 'retried'} messages of ${failed.of}` : `queue ${queue}`;
}

function describe({ role, of, delay }: FailedMessages): string {
  return role === 'parked'
    ? `Keeps the messages of '${of}' that have no attempts left, or were refused.`
    : `Messages of '${of}' that failed wait here for ${delay} ms, then return.`;
}

function shownBinding({ source, routingKey, arguments: table }: BindingDefinition) {
  return { exchange: source, routingKey, ...(Object.keys(table).length > 0 && { arguments: table }) };
}
