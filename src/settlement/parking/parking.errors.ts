import { AmqpError } from '../../../lib/client/index.js';

/**
 * A redrive that stopped on the way. Nothing is lost: what was not sent back is parked as before; a message whose
 * confirm is missing may be in both queues. The reason is the `cause`.
 *
 * @publicApi
 */
export class RedriveError extends AmqpError {
  static {
    this.prototype.name = 'RedriveError';
  }

  constructor(
    readonly queue: string,
    /** Messages that are back in their queue. */
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
