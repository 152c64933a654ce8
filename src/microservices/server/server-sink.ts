import type { Delivery } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import { FAREWELL, isDoneWithin } from '../../common/waiting.js';
import { DeliverySink, type Result } from '../../consumers/sinks/delivery.sink.js';
import type { Settler } from '../../settlement/settler.js';
import type { ReplySender } from './reply-sender.js';

/** The settlement of a message, and the path of its replies. */
export interface Route {
  readonly settler: Settler;
  readonly replies: ReplySender;
}

/** The server, as its sink sees it. */
export interface ServedMessages {
  /** Handles one message. Never rejects. */
  handle(delivery: Delivery, route: Route): Promise<void>;
  /**
   * Ends the replies that are being sent.
   *
   * @param cause the loss after which the broker gives the messages to others; undefined when the server closes
   */
  abandonReplies(cause: Error | undefined): void;
}

/** Hands each message to a server. */
export class ServerSink extends DeliverySink implements Route {
  constructor(
    private readonly clock: Clock,
    settler: Settler,
    readonly replies: ReplySender,
    private readonly server: ServedMessages,
  ) {
    super({ clock, settler });
  }

  override abandon(reason?: Error): void {
    super.abandon(reason);
    this.server.abandonReplies(reason);
  }

  override async cutOff(): Promise<void> {
    this.server.abandonReplies(undefined);
    await isDoneWithin(this.clock, FAREWELL / 2, this.idle());
  }

  async handle(delivery: Delivery): Promise<void> {
    this.begin(delivery);
    let result: Result = 'abandoned';
    try {
      await this.server.handle(delivery, this);
      result = 'done';
    } finally {
      this.end(delivery, result);
    }
  }
}
