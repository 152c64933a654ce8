import { Injectable, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { ConnectionRegistry } from '../registry/connection-registry.js';
import type { NamedConnection } from '../registry/named-connection.js';
import { AmqpClientProxy } from './client/amqp.client-proxy.js';
import { AmqpServer } from './server/amqp.server.js';
import type { ConnectionSource, TransportConnections } from './connection-source.js';
import type { AmqpTransportOptions } from './options/transport-options.js';

/**
 * Options of what shares the module's connections.
 *
 * @publicApi
 */
export interface SharedTransportOptions extends Omit<
  AmqpTransportOptions,
  'urls' | 'socketOptions' | 'connection' | 'connectionName' | 'maxConnectionAttempts'
> {
  /** Name of the connection, see `AmqpModule.forRoot`. Default: the one without a name. */
  readonly connection?: string;
}

/**
 * Makes servers and clients that share the connections of `AmqpModule`. Import {@link AmqpMicroservicesModule} to have it.
 *
 * The servers stop with the consumers, before the providers that their handlers use are destroyed.
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
   * Consumes on the consuming connection, and replies on the publishing one. An unknown name of a connection fails the
   * application's start.
   *
   * @throws ConfigurationError for an option that is not known or cannot work
   */
  createServer(options: SharedTransportOptions = {}): AmqpServer {
    const server = new AmqpServer(...this.shared('AmqpService.createServer()', options));
    this.servers.push(server);
    return server;
  }

  /** On the publishing connection. @throws ConfigurationError likewise */
  createClient(options: SharedTransportOptions): AmqpClientProxy {
    const client = new AmqpClientProxy(...this.shared('AmqpService.createClient()', options));
    this.clients.push(client);
    return client;
  }

  /** Nest closes them again, later, and that is without effect. */
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
    // In a constructor it may be too early for the connection to be there.
    this.connections.expect(connection, asker);
    return [options, new SharedConnection(() => this.connections.get(connection, asker))];
  }
}

/** The module's: it opens them, and closes them when all else is done. */
class SharedConnection implements ConnectionSource {
  constructor(private readonly named: () => NamedConnection) {}

  get environment(): ConnectionSource['environment'] {
    return this.named().environment;
  }

  get topology(): ConnectionSource['topology'] {
    return this.named().options.topology ?? {};
  }

  async open(): Promise<TransportConnections> {
    return this.named().connections.open();
  }

  async close(): Promise<void> {}
}
