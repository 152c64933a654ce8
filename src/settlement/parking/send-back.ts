import { nameErrors } from '../../../lib/shown/index.js';
import {
  AmqpError,
  COPY_OF,
  ChannelClosedError,
  ChannelError,
  NotFoundError,
  type Channel,
  type Connection,
  type Delivery,
} from '../../../lib/client/index.js';
import { encodedHeaders } from '../retry/forwarded-properties.js';
import { publishCopy } from '../retry/publish-copy.js';
import { CannotRetryError } from '../retry/retry.errors.js';
import { historyOf, startedAnew, withoutCopies } from '../retry/retry-state.js';

/** A message of which the body is not there: it was too large to be read when it was parked. */
export class MissingBodyError extends AmqpError {}

/**
 * The way of parked messages back to their queue. The broker closes a channel on a message that it refuses, so messages go
 * on a channel of their own, and those that were on their way together with such a message go again one by one.
 */
export class SendBack {
  private channel: Promise<Channel> | undefined;
  /** One by one. */
  private alone: Promise<unknown> = Promise.resolve();

  constructor(private readonly connection: Connection) {}

  /** Settles the message when the broker has its copy. @throws AmqpError, see {@link concernsTheMessage} */
  async send(queue: string, delivery: Delivery): Promise<void> {
    try {
      await this.publish(queue, delivery);
    } catch (error) {
      if (!wasRefusedWithOthers(error)) throw error;
      const turn = this.alone.then(() => this.publish(queue, delivery));
      this.alone = turn.catch(() => {});
      await turn;
    }
    delivery.ack();
  }

  private async publish(queue: string, delivery: Delivery): Promise<void> {
    const channel = await (this.channel ??= this.connection.openChannel({ confirm: true }));
    const state = historyOf(delivery, queue);
    if (state?.bodySize !== undefined) {
      throw new MissingBodyError(`its body of ${state.bodySize} bytes exceeded maxMessageSize, so it was not kept`);
    }
    // The broker takes no other user's `userId`; ours is what has the consumer believe the history.
    const { user } = this.connection;
    const copyOf = { kind: 'redrive', queue, delivery } as const;
    const vouched = user === undefined ? {} : { userId: user };
    if (!state) {
      // What somebody else has parked goes back as it is.
      const { userId: _, ...properties } = delivery.properties;
      const headers = encodedHeaders(delivery);
      const options = { ...properties, headers, mandatory: true, [COPY_OF]: copyOf };
      await channel.publish('', queue, delivery.body, options);
      return;
    }
    const { expiration } = state;
    const fresh = startedAnew(state);
    await publishCopy(channel, queue, delivery, [fresh, withoutCopies(fresh), undefined], {
      properties: { expiration, ...vouched },
      copyOf,
    });
  }
}

/** Another message may stand a chance; else the queue takes none, or the connection is lost. */
export function concernsTheMessage(error: unknown): boolean {
  if (error instanceof MissingBodyError || error instanceof CannotRetryError) return true;
  return error instanceof ChannelError && !(error instanceof ChannelClosedError) && !(error instanceof NotFoundError);
}

/** The broker has closed the channel on one of several messages, and nothing says which. */
function wasRefusedWithOthers(error: unknown): boolean {
  return error instanceof ChannelClosedError && error.cause instanceof ChannelError;
}

nameErrors({ MissingBodyError });
