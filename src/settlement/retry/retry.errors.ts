import { nameErrors } from '../../../lib/shown/index.js';
import { AmqpError } from '../../../lib/client/index.js';
import type { QueueDefinition } from '../../topology/queues.js';

/**
 * A delay or parked queue that a consumer needs does not exist, and the topology forbids to declare it. The text names
 * the queue and the declaration that it needs.
 *
 * @publicApi
 */
export class MissingQueueError extends AmqpError {
  /** The missing queue with the declaration that it needs. */
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

/** The message can never be retried, so it is settled as a message without attempts. */
export class CannotRetryError extends AmqpError {}

nameErrors({ MissingQueueError, CannotRetryError });
