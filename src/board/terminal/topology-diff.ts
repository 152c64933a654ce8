import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  connect,
  ChannelError,
  NotFoundError,
  parseUri,
  type Channel,
  type Connection,
} from '../../../lib/client/index.js';
import { systemClock } from '../../../lib/environment/index.js';
import { noHttp } from '../../common/http/no-http.js';
import { ManagementApi, ManagementError } from '../management/management-api.js';
import { compareBindings } from './binding-diff.js';
import type { TopologyDifference } from './topology-difference.js';
import { ConnectionRegistry } from '../../registry/connection-registry.js';

export interface TopologyDiff {
  readonly differences: readonly TopologyDifference[];
  /** Number of declared exchanges, queues and bindings that were compared. */
  readonly compared: number;
  /** False without a management API. */
  readonly bindings: boolean;
  /** Queues that exist only as long as an instance runs. */
  readonly skipped: readonly string[];
}

export interface TopologyDiffOptions {
  /** Name of the application's connection. Default: the one without a name. */
  readonly connection?: string | undefined;
  /** URL of RabbitMQ's management API with credentials. Default: bindings are not compared. */
  readonly management?: string | undefined;
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
 * changes nothing. AMQP has no question for bindings, so they are compared with a management API only.
 *
 * @throws the error of a provider that cannot be created, ConfigurationError, AmqpError without the broker, ManagementError
 */
export async function topologyDiff(
  module: Type,
  url: string,
  { connection, management }: TopologyDiffOptions = {},
): Promise<TopologyDiff> {
  const api = management === undefined ? undefined : new ManagementApi('--management', management, systemClock);
  const declared = await declaredBy(module, connection);
  const { exchanges = [], queues = [] } = declared;
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
    const skipped = passing.map(({ name }) => name);
    const compared = exchanges.length + lasting.length;
    if (!api) return { differences, compared, bindings: false, skipped };
    const found = await compareBindings(api, parseUri(url).vhost, declared, skipped).catch((error: Error) => {
      throw new ManagementError(`Bindings cannot be compared by the management API: ${error.message}`, {
        cause: error,
      });
    });
    differences.push(...found.differences);
    return { differences, compared: compared + found.compared, bindings: true, skipped };
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
