import { nameErrors } from '../../../lib/shown/index.js';
import { AmqpError } from '../../../lib/client/index.js';

/**
 * A redrive ended early. Nothing is lost: messages that were not sent back are still parked; a message whose confirm is
 * missing may be in both queues. `cause` is the reason.
 *
 * @publicApi
 */
export class RedriveError extends AmqpError {
  constructor(
    readonly queue: string,
    /** Number of messages that are back in their queue. */
    readonly redriven: number,
    cause: unknown,
  ) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      `The redrive of queue '${queue}' stopped after ${redriven} messages: ${reason}. The others are parked still.`,
      {
        cause,
      },
    );
  }
}

nameErrors({ RedriveError });
