import { showAs } from '../../lib/shown/index.js';
import { Injectable, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { ConfigurationError, type Channel, type ChannelOptions } from '../../lib/client/index.js';
import { ConnectionRegistry } from '../registry/connection-registry.js';
import type { NamedConnection } from '../registry/named-connection.js';
import { AmqpClientProxy } from './client/amqp.client-proxy.js';
import { AmqpServer } from './server/amqp.server.js';
import type { ConnectionSource, TransportConnections } from './connection-source.js';
import type { AmqpTransportOptions } from './options/transport-options.js';

/**
 * Options of servers and clients that share the module's connections.
 *
 * @publicApi
 */
export interface SharedTransportOptions extends Omit<
  AmqpTransportOptions,
  'urls' | 'socketOptions' | 'connection' | 'connectionName' | 'maxConnectionAttempts'
> {
  /** Name of the connection, as in `AmqpModule.forRoot`. Default: the connection without a name. */
  readonly connection?: string;
}

/**
 * Creates servers and clients that share the connections of `AmqpModule`. {@link AmqpMicroservicesModule} provides it.
 *
 * Servers stop together with consumers, before the providers that their handlers use are destroyed.
 *
 * @example
 * ```ts
 * const app = await NestFactory.create(AppModule);
 * const strategy = app.get(AmqpService).createServer({ queue: 'orders' });
 * app.connectMicroservice({ strategy }, { inheritAppConfig: true });
 * await app.startAllMicroservices();
 * ```
 *
 * @publicApi
 */
@Injectable()
export class AmqpService implements OnModuleDestroy, OnApplicationShutdown {
  private readonly servers: AmqpServer[] = [];
  private readonly clients: AmqpClientProxy[] = [];

  constructor(private readonly connections: ConnectionRegistry) {}

  /**
   * Creates a server that consumes on the consuming connection and replies on the publishing connection. An unknown
   * connection name fails the application's start.
   *
   * @throws ConfigurationError for an unknown option or an invalid value
   */
  createServer(options: SharedTransportOptions = {}): AmqpServer {
    const server = new AmqpServer(...this.shared('AmqpService.createServer()', options));
    this.servers.push(server);
    return server;
  }

  /**
   * Creates a client on the publishing connection. @throws ConfigurationError for an unknown option or an invalid value
   */
  createClient(options: SharedTransportOptions): AmqpClientProxy {
    const client = new AmqpClientProxy(...this.shared('AmqpService.createClient()', options));
    this.clients.push(client);
    return client;
  }

  /** Nest closes servers and clients again later, which has no effect. */
  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()));
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
  }

  private shared(
    asker: string,
    { connection, ...options }: SharedTransportOptions,
  ): [AmqpTransportOptions, ConnectionSource] {
    for (const name of OF_CONNECTIONS) {
      if ((options as AmqpTransportOptions)[name] === undefined) continue;
      throw new ConfigurationError(
        `${asker}: '${name}' would have no effect: the connection is that of AmqpModule.forRoot()`,
      );
    }
    // In a constructor, the connection may not exist yet.
    this.connections.expect(connection, asker);
    return [options, new SharedConnection(() => this.connections.get(connection, asker))];
  }
}

/** Options of servers and clients that have connections of their own. */
const OF_CONNECTIONS = ['urls', 'socketOptions', 'connectionName', 'maxConnectionAttempts'] as const;

/** The module's connections. The module opens them, and closes them after everything else. */
class SharedConnection implements ConnectionSource {
  constructor(private readonly find: () => NamedConnection) {}

  get named(): NamedConnection {
    return this.find();
  }

  get environment(): ConnectionSource['environment'] {
    return this.named.environment;
  }

  get topology(): ConnectionSource['topology'] {
    return this.named.options.topology ?? {};
  }

  get failure(): undefined {
    return undefined;
  }

  async open(): Promise<TransportConnections> {
    return this.named.connections.open();
  }

  channel(options: ChannelOptions): Channel {
    return this.named.connections.channel(options);
  }

  async close(): Promise<void> {}
}

showAs(AmqpService, () => ({}));
