import type { Survey } from '../survey/survey.js';
import type { AsyncApiDocument } from './document.js';
import { Channels } from './channels.js';
import { failedMessages, policyOf } from './failed-messages.js';
import { Messages } from './messages.js';
import { Operations } from './operations.js';

/**
 * Describes a document.
 *
 * @publicApi
 */
export interface AsyncApiInfo {
  /** Default: the `connectionName` of the first connection, or `AMQP`. */
  readonly title?: string;
  /** Version of the application. Default `1.0.0`. */
  readonly version?: string;
  /** In CommonMark. Default: none. */
  readonly description?: string;
}

/** @param complain told of each schema that has no JSON Schema */
export function buildDocument(
  survey: Survey,
  info: AsyncApiInfo,
  complain: (reason: string) => void,
): AsyncApiDocument {
  const messages = new Messages(complain);
  const channels = new Channels();
  const operations = new Operations(channels, messages);
  for (const publisher of survey.publishers) operations.send(publisher);
  for (const consumer of survey.consumers) operations.receive(consumer);
  for (const transport of survey.transports) operations.serve(transport);
  for (const consumer of survey.consumers) failedMessages(consumer, policyOf(consumer), channels);
  for (const { server, connection } of survey.transports) {
    if (server.policy) failedMessages({ queue: server.queue, connection }, server.policy, channels);
  }
  const { title = survey.connections[0]?.connectionName ?? 'AMQP', version = '1.0.0', description } = info;
  const servers = survey.connections.flatMap(({ name, servers: all, vhost }) =>
    all.map(({ id, protocol, host }) => [
      id,
      {
        host,
        protocol,
        protocolVersion: '0-9-1',
        pathname: `/${encodeURIComponent(vhost)}`,
        description: `The connection ${name}.`,
      },
    ]),
  );
  return {
    asyncapi: '3.0.0',
    info: { title, version, ...(description !== undefined && { description }) },
    defaultContentType: 'application/json',
    servers: Object.fromEntries(servers),
    channels: channels.channels,
    operations: operations.operations,
    components: { messages: messages.messages, schemas: messages.schemas },
  };
}
