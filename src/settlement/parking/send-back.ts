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
import { DELAYS, DUE } from '../../delay/delay-names.js';
import { dueMessage } from '../due/due-message.js';
import { encodedHeaders } from '../retry/forwarded-properties.js';
import { publishCopy } from '../retry/publish-copy.js';
import { CannotRetryError } from '../retry/retry.errors.js';
import type { Content } from './parked-edit.js';
import { historyOf, startedAnew, withoutCopies } from '../retry/retry-state.js';

/** A message without its body, which was too large to be read when the message was parked. */
export class MissingBodyError extends AmqpError {}

/**
 * Returns parked messages to their queue. The broker closes a channel if it refuses a message, so the messages have
 * their own channel, and those that were sent together with a refused one are sent again one by one.
 */
export class SendBack {
  private channel: Promise<Channel> | undefined;
  /** The end of the messages that are sent one by one. */
  private alone: Promise<unknown> = Promise.resolve();

  constructor(private readonly connection: Connection) {}

  /**
   * Settles the message when the broker has its copy.
   *
   * @param content what the copy contains: the delivery itself, unless it was edited
   * @throws AmqpError, see {@link concernsTheMessage}
   */
  async send(queue: string, delivery: Delivery, content: Content): Promise<void> {
    try {
      await this.publish(queue, delivery, content);
    } catch (error) {
      if (!wasRefusedWithOthers(error)) throw error;
      const turn = this.alone.then(() => this.publish(queue, delivery, content));
      this.alone = turn.catch(() => {});
      await turn;
    }
    delivery.ack();
  }

  private async publish(queue: string, delivery: Delivery, content: Content): Promise<void> {
    const channel = await (this.channel ??= this.connection.openChannel({ confirm: true }));
    const state = historyOf(delivery, queue);
    if (state?.bodySize !== undefined) {
      throw new MissingBodyError(`its body of ${state.bodySize} bytes exceeded maxMessageSize, so it was not kept`);
    }
    // The broker accepts no other user's `userId`. The own user lets the consumer trust the history.
    const { user } = this.connection;
    const copyOf = { kind: 'redrive', queue, delivery } as const;
    if (queue === DELAYS) {
      const { routingKey, properties } = dueMessage(delivery, state);
      const options = { ...properties, mandatory: true, [COPY_OF]: copyOf };
      await channel.publish(DUE, routingKey, delivery.body, options);
      return;
    }
    const vouched = user === undefined ? {} : { userId: user };
    if (!state) {
      // A message that was not parked by a consumer has no history, and returns as it is.
      const { userId: _, ...properties } = content.properties;
      const headers = encodedHeaders(content);
      const options = { ...properties, headers, mandatory: true, [COPY_OF]: copyOf };
      await channel.publish('', queue, content.body, options);
      return;
    }
    const { expiration } = state;
    const fresh = startedAnew(state);
    await publishCopy(channel, queue, content, [fresh, withoutCopies(fresh), undefined], {
      properties: { expiration, ...vouched },
      copyOf,
    });
  }
}

/** Returns true if other messages may succeed, and false if the queue accepts none or the connection is lost. */
export function concernsTheMessage(error: unknown): boolean {
  if (error instanceof MissingBodyError || error instanceof CannotRetryError) return true;
  return error instanceof ChannelError && !(error instanceof ChannelClosedError) && !(error instanceof NotFoundError);
}

/** Returns true if the broker has closed the channel because of one of several messages and does not say which. */
function wasRefusedWithOthers(error: unknown): boolean {
  return error instanceof ChannelClosedError && error.cause instanceof ChannelError;
}

nameErrors({ MissingBodyError });
