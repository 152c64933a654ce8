import type { Attributes } from '@opentelemetry/api';
import type { BrokerPeer } from '../../../lib/client/index.js';
import { errorWords } from '../error-words.js';
import { BoundedNames } from './bounded-names.js';

const DEFAULT_EXCHANGE = 'amq.default';
const NO_PEER = {};

/**
 * Makes the attributes of metrics. They have a bounded number of values: routing keys, message ids and consumer tags are
 * not among them. An attribute whose value is undefined is left out.
 */
export class MetricAttributes {
  private readonly exchanges = new BoundedNames();
  private readonly queues = new BoundedNames();
  private readonly handlers = new BoundedNames();
  private readonly clients = new BoundedNames();
  private readonly errors = new BoundedNames();
  private readonly hosts = new BoundedNames();
  /**
   * The attributes of messages by broker and key. To make them anew for each message costs more than what the SDK does
   * with them.
   */
  private readonly made = new WeakMap<object, Map<string, Attributes>>();

  /** The attributes of messages that are sent to an exchange, see {@link exchange}. */
  sent(operation: string, exchange: string, peer: BrokerPeer | undefined): Attributes {
    const name = this.exchangeName(exchange);
    return this.once(peer, `send ${operation} ${name}`, () => ({
      ...this.operation(operation, 'send'),
      ...this.exchange(exchange),
      ...this.peer(peer),
    }));
  }

  /** The attributes of messages that come from a queue. */
  received(operation: string, queue: string, peer: BrokerPeer | undefined): Attributes {
    return this.once(peer, `receive ${operation} ${this.queues.of(queue)}`, () => ({
      ...this.operation(operation, 'receive'),
      ...this.queue(queue),
      ...this.peer(peer),
    }));
  }

  /** The attributes of handler calls. */
  processed(queue: string, handler: string | undefined, peer: BrokerPeer | undefined): Attributes {
    const [from, by] = [this.queues.of(queue), handler === undefined ? '' : this.handlers.of(handler)];
    return this.once(peer, `process ${from.length} ${from} ${by}`, () => ({
      ...this.operation('process', 'process'),
      ...this.queue(queue),
      ...this.handler(handler),
      ...this.peer(peer),
    }));
  }

  /** The exchange of a publish. For the default exchange the routing key names a queue; it is left out all the same. */
  exchange(exchange: string): Attributes {
    return { 'messaging.destination.name': this.exchangeName(exchange) };
  }

  queue(queue: string): Attributes {
    return { 'messaging.destination.name': this.queues.of(queue) };
  }

  handler(handler: string | undefined): Attributes {
    return handler === undefined ? {} : { 'nest_amqp.handler': this.handlers.of(handler) };
  }

  operation(name: string, type: 'send' | 'process' | 'receive'): Attributes {
    return { 'messaging.system': 'rabbitmq', 'messaging.operation.name': name, 'messaging.operation.type': type };
  }

  peer(peer: BrokerPeer | undefined): Attributes {
    return peer ? { 'server.address': this.hosts.of(peer.host), 'server.port': peer.port } : {};
  }

  /** The connection name, which does not depend on the broker that the connection is with. */
  client(connectionName: string | undefined): Attributes {
    return connectionName === undefined ? {} : { 'messaging.client.id': this.clients.of(connectionName) };
  }

  error(error: unknown): Attributes {
    return error === undefined ? {} : { 'error.type': this.errors.of(errorWords(error).name) };
  }

  /** Adds the attribute of an error, if there is one. */
  withError(attributes: Attributes, error: unknown): Attributes {
    return error === undefined ? attributes : { ...attributes, ...this.error(error) };
  }

  private exchangeName(exchange: string): string {
    return exchange === '' ? DEFAULT_EXCHANGE : this.exchanges.of(exchange);
  }

  /** @param key is one of a bounded number */
  private once(peer: BrokerPeer | undefined, key: string, make: () => Attributes): Attributes {
    const broker = peer ?? NO_PEER;
    let made = this.made.get(broker);
    if (!made) this.made.set(broker, (made = new Map<string, Attributes>()));
    let attributes = made.get(key);
    if (!attributes) made.set(key, (attributes = Object.freeze(make())));
    return attributes;
  }
}
