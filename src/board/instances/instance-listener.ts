import { TRACES_ITSELF, type Channel, type Connection, type Delivery } from '../../../lib/client/index.js';
import { FieldLogger } from '../../common/field-logger.js';
import type { Environment } from '../../common/environment.js';
import { describeError } from '../../common/log-text.js';
import { LastReason, retrying } from '../../common/retrying.js';
import { DIRECT_REPLY_TO } from '../../rpc/direct-reply-to.js';
import { isOfOwnUser } from './instance-asker.js';
import { readAsk, type Ask, type Note } from './instance-messages.js';

/** Ms between attempts to listen. */
const AGAIN = { first: 1_000, max: 60_000 } as const;
/** Ms between two log lines about messages that are ignored. */
const COMPLAIN_EVERY = 60_000;

/** A command, and where its answer goes. */
export interface ReceivedAsk extends Ask {
  readonly replyTo: string;
  readonly correlationId: string;
}

/**
 * Receives the commands of all instances, in a queue of its own that is deleted with the connection. A message that is no
 * command, and one of another user, is ignored; the log tells so without its content.
 */
export class InstanceListener {
  private readonly logger = new FieldLogger('AmqpBoard');
  private readonly stop = new AbortController();
  private channel: Channel | undefined;
  private complained = -Infinity;

  /** @param connect opens the consuming connection */
  constructor(
    private readonly exchange: string,
    private readonly environment: Environment,
    private readonly connect: () => Promise<Connection>,
    private readonly on: { ask(ask: ReceivedAsk): void; note(note: Note): void; listening(): void },
  ) {}

  /** Listens until `end()`, and again after its channel was closed. Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.stop;
    const told = new LastReason();
    while (!signal.aborted) {
      try {
        const channel = await retrying(
          () => this.open(),
          { environment: this.environment, ...AGAIN, signal },
          (error) => {
            const reason = describeError(error);
            if (told.isNew(reason))
              this.logger.warn(`The board gets no commands of other instances: ${reason}. It tries again.`);
          },
        );
        this.on.listening();
        await channel.closed;
      } catch {
        // It was ended.
      }
    }
  }

  async end(): Promise<void> {
    this.stop.abort();
    await this.channel?.close();
  }

  private async open(): Promise<Channel> {
    const connection = await this.connect();
    const channel = await connection.openChannel();
    try {
      this.stop.signal.throwIfAborted();
      this.channel = channel;
      await channel.exchangeDeclare(this.exchange, 'fanout', { durable: false, autoDelete: true });
      const { queue } = await channel.queueDeclare('', { exclusive: true, autoDelete: true });
      await channel.queueBind(queue, this.exchange);
      const options = { noAck: true, [TRACES_ITSELF]: true } as const;
      await channel.basicConsume(queue, (delivery) => this.receive(connection, delivery), options);
      return channel;
    } catch (error) {
      await channel.close().catch(() => {});
      throw error;
    }
  }

  private receive(connection: Connection, delivery: Delivery): void {
    const complaint = this.handle(connection, delivery);
    const { clock } = this.environment;
    if (complaint === undefined || clock.now() - this.complained < COMPLAIN_EVERY) return;
    this.complained = clock.now();
    this.logger.warn(`The board ignores a message of exchange '${this.exchange}': ${complaint}.`);
  }

  /** Returns why the message is ignored. */
  private handle(connection: Connection, delivery: Delivery): string | undefined {
    try {
      if (!isOfOwnUser(delivery, connection)) return `its user is not '${connection.user}', as that of the application`;
      const { replyTo = '', correlationId = '' } = delivery.properties;
      const received = readAsk(delivery.body);
      if (!received) return 'it is no command that this version knows';
      if ('note' in received) {
        this.on.note(received);
        return undefined;
      }
      // Another address would let a sender put answers into any queue.
      if (!replyTo.startsWith(DIRECT_REPLY_TO) || correlationId === '') return 'it does not say where its answer goes';
      this.on.ask({ ...received, replyTo, correlationId });
    } catch (error) {
      return describeError(error);
    }
    return undefined;
  }
}
