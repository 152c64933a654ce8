import type { Attributes } from '@opentelemetry/api';
import type { BrokerPeer } from '../../../lib/client/index.js';
import { errorWords } from '../error-words.js';
import { BoundedNames } from './bounded-names.js';

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

  /** The exchange of a publish. For the default exchange the routing key names a queue; it is left out all the same. */
  exchange(exchange: string): Attributes {
    return { 'messaging.destination.name': exchange === '' ? 'amq.default' : this.exchanges.of(exchange) };
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
}
