import { Socket } from 'node:net';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { connect, ConnectionClosedError, type Connection } from '../../lib/client/index.js';
import { declareTopology } from '../topology/declare-topology.js';
import type { AmqpModuleOptions } from './amqp-module.options.js';
import { getModuleOptionsToken } from './amqp.tokens.js';

/**
 * One connection to publish and one to consume: RabbitMQ holds back a connection that publishes too fast, and must not
 * hold back acknowledgements with it.
 */
export interface ConnectionPair {
  readonly publishing: Connection;
  readonly consuming: Connection;
}

/** Opens the connections, with the topology declared, when first asked for them; logs what becomes of them. */
@Injectable()
export class AmqpConnections {
  private readonly logger = new Logger('AmqpConnection');
  private pair: Promise<ConnectionPair> | undefined;
  private closing = false;

  constructor(@Inject(getModuleOptionsToken()) private readonly options: AmqpModuleOptions) {}

  /**
   * The connections, ready to be used. Nothing is left open when it rejects.
   *
   * @throws ConnectionError and its kind when the broker cannot be reached or refuses; TopologyError; after `close()`
   * ConnectionClosedError
   */
  open(): Promise<ConnectionPair> {
    if (this.closing) {
      return Promise.reject(new ConnectionClosedError('The application is shutting down: its connections are closed.'));
    }
    return (this.pair ??= this.connect());
  }

  /** Closes both, once what was published is confirmed. May be called again. */
  async close(): Promise<void> {
    this.closing = true;
    // What could not be opened was reported to whoever asked for it.
    const pair = await this.pair?.catch(() => undefined);
    if (pair) await closeAll([pair.publishing, pair.consuming]);
  }

  private async connect(): Promise<ConnectionPair> {
    const attempts = await Promise.allSettled([this.connectFor('publishing'), this.connectFor('consuming')]);
    const [publishing, consuming] = attempts;
    if (publishing.status === 'rejected' || consuming.status === 'rejected') {
      await closeAll(attempts.filter((attempt) => attempt.status === 'fulfilled').map(({ value }) => value));
      const failed = publishing.status === 'rejected' ? publishing : (consuming as PromiseRejectedResult);
      throw failed.reason;
    }
    const pair = { publishing: publishing.value, consuming: consuming.value };
    try {
      await this.declare(pair);
    } catch (error) {
      await closeAll([pair.publishing, pair.consuming]);
      throw error;
    }
    return pair;
  }

  private async connectFor(purpose: keyof ConnectionPair): Promise<Connection> {
    const connectionName = `${this.options.connectionName ?? 'nest-amqp'} (${purpose})`;
    // The client tells of losses, failed attempts and blocks.
    const logger = {
      warn: (line: string) => this.logger.warn(`${connectionName}: ${line}`),
      debug: (line: string) => this.logger.debug(`${connectionName}: ${line}`),
    };
    const connection = await connect({ ...this.options.connection, urls: this.options.url, connectionName, logger });
    this.logger.log(`${connectionName}: connected to ${describeBroker(connection)}`);
    connection
      .on('reconnected', () => this.logger.log(`${connectionName}: reconnected to ${describeBroker(connection)}`))
      .on('unblocked', () => this.logger.log(`${connectionName}: the broker takes publishes again`))
      .on('closed', (error) => {
        if (error) this.logger.error(`${connectionName}: closed for good: ${error.message}`);
        else this.logger.log(`${connectionName}: closed`);
      });
    return connection;
  }

  private async declare({ consuming }: ConnectionPair): Promise<void> {
    if (!this.options.topology) return;
    // On the consuming connection, since nobody else may consume from its exclusive queues.
    const channel = await consuming.openChannel({ restore: false });
    await declareTopology(channel, this.options.topology);
    await channel.close();
  }
}

async function closeAll(connections: readonly Connection[]): Promise<void> {
  await Promise.all(connections.map((connection) => connection.close()));
}

/** `RabbitMQ 4.1.0 at 10.0.0.7:5672` */
function describeBroker({ serverProperties, socket }: Connection): string {
  const { product, version } = serverProperties;
  const where = socket instanceof Socket ? ` at ${socket.remoteAddress}:${socket.remotePort}` : '';
  return `${String(product)} ${String(version)}${where}`;
}
