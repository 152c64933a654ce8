import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ConfigurationError } from '../../lib/client/index.js';
import { DEFAULT_CONNECTION } from '../connection/amqp.tokens.js';
import type { NamedConnection } from './named-connection.js';

/** The connections of one application, by name. Opens them at the start, and closes them after everything else. */
@Injectable()
export class ConnectionRegistry implements OnModuleInit, OnApplicationShutdown {
  private readonly connections = new Map<string, NamedConnection>();
  private readonly expected: { readonly name: string; readonly asker: string }[] = [];

  async onModuleInit(): Promise<void> {
    for (const { name, asker } of this.expected) this.get(name, asker);
    const starts = await Promise.allSettled(this.all().map((connection) => connection.start()));
    const failed = starts.find((start) => start.status === 'rejected');
    if (failed) await this.abandonStart(failed.reason);
  }

  // Not onModuleDestroy: until after that hook, an HTTP server accepts requests, which may publish.
  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.all().map((connection) => connection.close()));
  }

  /**
   * Closes everything and throws the error. An application whose start fails is often not closed, and open connections
   * would keep its process alive.
   */
  async abandonStart(error: unknown): Promise<never> {
    await this.onApplicationShutdown();
    throw error;
  }

  /** Returns all connections in the order of the imports. */
  all(): NamedConnection[] {
    return [...this.connections.values()];
  }

  /**
   * @param asker the class or decorator that needs the connection, for the error: `@AmqpConsumer('billing') on
   * Billing.onOrder`
   * @throws ConfigurationError that lists the existing names
   */
  get(name: string = DEFAULT_CONNECTION, asker?: string): NamedConnection {
    const connection = this.connections.get(name);
    if (connection) return connection;
    const known = [...this.connections.keys()].map((other) => `'${other}'`).join(', ') || 'none';
    throw new ConfigurationError(
      `${asker ? `${asker}: there` : 'There'} is no AMQP connection '${name}'; known are: ${known}. ` +
        `Name one of them, or import ${importOf(name)} in the root module.`,
    );
  }

  /**
   * Requires the connection to exist at the start. Providers are created in any order, so it is looked up only then.
   */
  expect(name: string = DEFAULT_CONNECTION, asker: string): void {
    this.expected.push({ name, asker });
  }

  /** @throws ConfigurationError if the name is taken, since one of the two connections would silently win */
  add(connection: NamedConnection): void {
    const { name } = connection;
    if (this.connections.has(name)) {
      throw new ConfigurationError(
        `AmqpModule.forRoot() is called twice for the connection '${name}'. Call it once, in the root module; ` +
          "all modules can use its providers. For a second broker or vhost, give one of them a name: { name: 'billing', url }.",
      );
    }
    this.connections.set(name, connection);
  }
}

function importOf(name: string): string {
  return name === DEFAULT_CONNECTION ? 'AmqpModule.forRoot({ url })' : `AmqpModule.forRoot({ name: '${name}', url })`;
}
