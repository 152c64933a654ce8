import type { Buffer } from 'node:buffer';
import type { Subscription } from 'rxjs';
import type { EmbeddedBroker } from '../../lib/broker/index.js';
import { parseUri, type Connection, type MessageProperties, type Urls } from '../../lib/client/index.js';
import type { ConsumerFailure } from '../settlement/consumer-failure.js';
import type { SettlerFactory } from '../settlement/settler.factory.js';
import type { AmqpModuleOptions } from '../registry/amqp-module.options.js';
import { DEFAULT_CONNECTION } from '../connection/amqp.tokens.js';
import type { ConnectionRegistry } from '../registry/connection-registry.js';
import type { ConnectionTarget } from '../registry/connection-target.js';
import { MessageSerializers } from '../serialization/message-serializers.js';

/** The applications under test: redirects their connections and receives their failures. */
export class AttachedApps implements ConnectionTarget {
  /** By name of the connection. */
  private readonly vhosts = new Map<string, string>();
  private readonly apps = new Map<ConnectionRegistry, Subscription>();
  private readonly builtIn = new MessageSerializers({});

  /** @param given virtual hosts of connections; they take precedence over those in the URLs */
  constructor(
    private readonly broker: EmbeddedBroker,
    private readonly given: Readonly<Record<string, string>>,
    private readonly onFailure: (failure: ConsumerFailure) => void,
  ) {}

  /** Replaces address, virtual host, login and TLS options; all other options stay. */
  direct(connection: string, options: AmqpModuleOptions | undefined): AmqpModuleOptions {
    const vhost = this.given[connection] ?? options?.connection?.vhost ?? vhostIn(options?.url);
    this.vhosts.set(connection, vhost);
    this.broker.addVhost(vhost);
    const {
      vhost: _,
      credentials: __,
      mechanisms: ___,
      tls: ____,
      createSocket: _____,
      ...others
    } = options?.connection ?? {};
    return { ...options, url: this.urlOf(vhost), connection: others };
  }

  urlOf(vhost: string): string {
    return vhost === '/' ? this.broker.url : `${this.broker.url}/${encodeURIComponent(vhost)}`;
  }

  vhostOf(connection: string = DEFAULT_CONNECTION): string {
    return this.vhosts.get(connection) ?? '/';
  }

  attach(registry: ConnectionRegistry, { failures$ }: SettlerFactory): void {
    this.apps.set(registry, failures$.subscribe(this.onFailure));
  }

  detach(registry: ConnectionRegistry): void {
    this.apps.get(registry)?.unsubscribe();
    this.apps.delete(registry);
  }

  /** Returns the serializers of the connection to this virtual host, or the built-in ones. */
  serializersOf(vhost: string): MessageSerializers {
    const named = this.named().find(({ name }) => this.vhosts.get(name) === vhost);
    return named?.serializers ?? this.builtIn;
  }

  /**
   * Returns the broker's name of a queue. It differs for a server-named queue; with several applications, the one that
   * was attached first answers.
   */
  queueAtBroker(queue: string, connection: string = DEFAULT_CONNECTION): string {
    const names = this.named().filter(({ name }) => name === connection);
    const named = names.find(({ connections }) => connections.serverNames.has(queue));
    return named?.connections.serverNames.atBroker(queue) ?? queue;
  }

  /** Returns the payload, or the bytes if they cannot be decoded. */
  decode(vhost: string, body: Buffer, properties: MessageProperties): unknown {
    try {
      return this.serializersOf(vhost).decodeNow(body, properties);
    } catch {
      return body;
    }
  }

  /**
   * Resolves when the broker has received everything that was written so far, and the applications have received the
   * answers. Frames keep their order on a connection, so one request on each connection is enough. Returns the number
   * of methods that it used.
   */
  async roundTrip(): Promise<number> {
    const open = this.named().filter(({ connections }) => connections.isOpen);
    const pairs = await Promise.allSettled(open.map(({ connections }) => connections.open()));
    const connections = pairs.flatMap((pair) =>
      pair.status === 'fulfilled' ? [pair.value.publishing, pair.value.consuming] : [],
    );
    // A closed connection has nothing more to send.
    const asked = await Promise.allSettled(connections.map(ask));
    return asked.reduce((sum, result) => sum + (result.status === 'fulfilled' ? result.value : 0), 0);
  }

  private named() {
    return [...this.apps.keys()].flatMap((registry) => registry.all());
  }
}

/** Opens a channel and closes it: two methods. */
async function ask(connection: Connection): Promise<number> {
  await connection.withScratchChannel(() => Promise.resolve());
  return 2;
}

/** Returns the virtual host of the first URL, or `/` if there is no URL or a function returns it. */
function vhostIn(url: Urls | undefined): string {
  const first = Array.isArray(url) ? (url as readonly string[])[0] : url;
  return typeof first === 'string' && first !== '' ? parseUri(first).vhost : '/';
}
