import { Logger } from '@nestjs/common';
import type { IncomingResponse, ProducerDeserializer } from '@nestjs/microservices';
import {
  NotFoundError,
  type Channel,
  type Connection,
  type Consumer,
  type Delivery,
} from '../../../lib/client/index.js';
import { isThenable } from '../../common/thenable.js';
import { describeError } from '../../common/log-text.js';
import { parseBody } from '../packets/incoming-packet.js';
import { DIRECT_REPLY_TO } from '../../rpc/direct-reply-to.js';
import type { PendingRequests } from '../../rpc/pending-requests.js';

/** Takes replies to the requests that wait for them. */
export class ReplyConsumer {
  constructor(
    private readonly requests: PendingRequests,
    private readonly deserializer: ProducerDeserializer,
    private readonly logger: Logger,
  ) {}

  /** Consumes the queue, which is declared first where it is not there. */
  async start(connection: Connection, channel: Channel, queue: string): Promise<Consumer> {
    if (queue !== DIRECT_REPLY_TO) await declareReplyQueue(connection, queue);
    return channel.basicConsume(queue, (delivery) => this.take(delivery), { noAck: true });
  }

  private take(delivery: Delivery): void {
    let id: string | undefined;
    try {
      id = delivery.properties.correlationId;
      if (id === undefined || !this.requests.has(id)) {
        // Late, cancelled, another client's, or foreign: there is nobody to give it to.
        return this.logger.debug('Dropped a reply that no request waits for');
      }
      const read = this.deserializer.deserialize(parseBody(delivery.body), delivery.properties);
      if (isThenable(read)) void this.handLater(id, read);
      else this.hand(id, read);
    } catch (error) {
      this.unreadable(id, error);
    }
  }

  private async handLater(id: string, read: PromiseLike<IncomingResponse>): Promise<void> {
    try {
      this.hand(id, await read);
    } catch (error) {
      this.unreadable(id, error);
    }
  }

  private hand(id: string, { err, response, isDisposed }: Omit<IncomingResponse, 'id'>): void {
    this.requests.settle(id, isDisposed || err ? { err, response, isDisposed: true } : { err, response });
  }

  private unreadable(id: string | undefined, error: unknown): void {
    this.logger.warn(`A reply cannot be read: ${describeError(error)}`);
    if (id !== undefined) this.requests.settle(id, { err: error, isDisposed: true });
  }
}

/**
 * A queue that is there is taken as it is. One that is not is declared for this connection only: of two clients that share
 * a reply queue each would get the other's replies.
 */
async function declareReplyQueue(connection: Connection, queue: string): Promise<void> {
  try {
    await connection.withScratchChannel((channel) => channel.queueDeclare(queue, { passive: true }));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    await connection.withScratchChannel((channel) => channel.queueDeclare(queue, { exclusive: true }));
  }
}
