import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connect, ChannelError, NotFoundError, type Channel, type Connection } from '../../../lib/client/index.js';
import { noHttp } from '../../common/http/no-http.js';
import { ConnectionRegistry } from '../../registry/connection-registry.js';

/** An entity that the broker has not, or has in another way. */
export interface TopologyDifference {
  readonly kind: 'exchange' | 'queue';
  readonly name: string;
  /** `unknown`: the broker refuses to tell. */
  readonly difference: 'missing' | 'different' | 'unknown';
  /** The reason, in the words of the broker. */
  readonly reason: string;
}

export interface TopologyDiff {
  readonly differences: readonly TopologyDifference[];
  /** Number of exchanges and queues that were compared. */
  readonly compared: number;
  /** Queues that exist only as long as an instance runs. */
  readonly skipped: readonly string[];
}

/** Names of the connections of an application, with what they declare. No provider starts, so nothing connects. */
async function declaredBy(module: Type, connection: string | undefined) {
  const app = await NestFactory.create(module, noHttp(), { logger: ['error', 'warn'], abortOnError: false });
  const { connections } = app.get(ConnectionRegistry, { strict: false }).get(connection, '--connection');
  return connections.topology.options;
}

/**
 * Compares what an application declares with a broker. Each exchange and each queue is looked for by a passive declare; one that
 * exists is declared once more as the application does it, which the broker refuses if anything differs, and which otherwise
 * changes nothing. Bindings are not compared, since AMQP has no question for them.
 *
 * @param connection name of the application's connection; undefined for the one without a name
 * @throws the error of a provider that cannot be created, ConfigurationError, AmqpError without the broker
 */
export async function topologyDiff(module: Type, url: string, connection?: string): Promise<TopologyDiff> {
  const { exchanges = [], queues = [] } = await declaredBy(module, connection);
  const passing = queues.filter(({ serverNamed, exclusive }) => serverNamed === true || exclusive);
  const lasting = queues.filter((queue) => !passing.includes(queue));
  const broker = await connect(url, { reconnect: false, connectionName: 'nest-amqp topology diff' });
  try {
    const differences: TopologyDifference[] = [];
    for (const { name, type, ...options } of exchanges) {
      const found = await compare(
        broker,
        (channel) => channel.exchangeDeclare(name, type, { passive: true }),
        (channel) => channel.exchangeDeclare(name, type, options),
      );
      if (found) differences.push({ kind: 'exchange', name, ...found });
    }
    for (const { name, serverNamed: _, ...options } of lasting) {
      const found = await compare(
        broker,
        (channel) => channel.queueDeclare(name, { passive: true }),
        (channel) => channel.queueDeclare(name, options),
      );
      if (found) differences.push({ kind: 'queue', name, ...found });
    }
    return { differences, compared: exchanges.length + lasting.length, skipped: passing.map(({ name }) => name) };
  } finally {
    await broker.close();
  }
}

async function compare(
  connection: Connection,
  find: (channel: Channel) => Promise<unknown>,
  declare: (channel: Channel) => Promise<unknown>,
): Promise<Pick<TopologyDifference, 'difference' | 'reason'> | undefined> {
  let exists = false;
  try {
    await connection.withScratchChannel(async (channel) => {
      await find(channel);
      exists = true;
      await declare(channel);
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error;
    if (error instanceof NotFoundError) return { difference: 'missing', reason: error.message };
    // 406 is the broker's answer to a declaration that differs (section 1.7.2.1.5).
    return { difference: exists && error.replyCode === 406 ? 'different' : 'unknown', reason: error.message };
  }
}
