import { AmqpError } from '../../../lib/client/index.js';
import type { QueueDefinition } from '../../topology/queues.js';

/**
 * A delay or parked queue that a consumer needs is not there, and the topology says not to declare anything. The message
 * names it, with the declaration that it needs.
 *
 * @publicApi
 */
export class MissingQueueError extends AmqpError {
  static {
    this.prototype.name = 'MissingQueueError';
  }

  /** The queue that is missing, as it has to be declared. */
  readonly definition: QueueDefinition;

  constructor(definition: QueueDefinition, consumer: string, queue: string, declare: string, cause: unknown) {
    const { name, arguments: table } = definition;
    super(
      `Queue '${name}' is missing: ${consumer} needs it for the messages of '${queue}' that fail, and with topology ` +
        `declare: '${declare}' it is not declared here. Declare it as a durable queue with the arguments ` +
        `${JSON.stringify(table)}, or choose other options for \`retry\`.`,
      { cause },
    );
    this.definition = definition;
  }
}

/** A message cannot be retried, however often that is tried: it goes where messages go whose attempts are spent. */
export class CannotRetryError extends AmqpError {
  static {
    this.prototype.name = 'CannotRetryError';
  }
}
