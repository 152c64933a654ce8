import { randomUUID } from 'node:crypto';
import type { Observable } from 'rxjs';
import { MessageReturnedError, type Channel, type ReturnedMessage } from '../../lib/client/index.js';
import type { NamedConnection } from '../module/named-connection.js';
import type { PublishOptions } from './publish-options.js';
import type { PublishReceipt } from './publish-receipt.js';

const TRANSIENT = 1;
const PERSISTENT = 2;

/** What a publisher needs of the connection it publishes on. */
export type PublishingConnection = Pick<NamedConnection, 'connections' | 'serializers' | 'options' | 'events'>;

/**
 * Publishes, and tells for each message whether the broker has it (https://www.rabbitmq.com/docs/confirms).
 *
 * @example
 * ```ts
 * constructor(private readonly publisher: ConfirmingPublisher) {}
 *
 * const { messageId } = await this.publisher.publish('orders', 'order.created', order);
 * ```
 *
 * @publicApi
 */
export class ConfirmingPublisher {
  /** Every message of this connection that was confirmed. Completes when the application shuts down. */
  readonly confirms$: Observable<PublishReceipt>;
  /** Every message that came back because no queue is bound for it. Completes when the application shuts down. */
  readonly returns$: Observable<ReturnedMessage>;
  private channel: Promise<Channel> | undefined;

  /** The module makes it; inject it. */
  constructor(private readonly connection: PublishingConnection) {
    this.confirms$ = connection.events.confirms.asObservable();
    this.returns$ = connection.events.returns.asObservable();
  }

  /**
   * Publishes to an exchange and resolves once the broker has confirmed the message.
   *
   * @param payload anything JSON can hold, a string, or bytes; see {@link PublishOptions.contentType}
   * @throws MessageReturnedError: no queue is bound for the exchange and key (312 NO_ROUTE), unless `mandatory: false`
   * @throws PublishNackedError: the broker could not take it, a queue with `overflow: 'reject-publish'` is full, say
   * @throws NotFoundError: there is no such exchange
   * @throws PublishTimeoutError: no confirm within the deadline; `outcome` says whether it may be there all the same
   * @throws ConnectionLostError: likewise
   * @throws PublishRefusedError: too much waits already for the connection to come back; nothing was sent
   * @throws SerializationError, EncodingError: the payload or a property cannot be written; nothing was sent
   */
  async publish(
    exchange: string,
    routingKey: string,
    payload: unknown,
    options: PublishOptions = {},
  ): Promise<PublishReceipt> {
    const start = performance.now();
    const { persistent = true, mandatory = true, messageId = randomUUID(), ...rest } = options;
    const { body, contentType } = this.connection.serializers.encode(payload, options.contentType);
    const deliveryMode = persistent ? PERSISTENT : TRANSIENT;
    const channel = await this.openChannel();
    try {
      const properties = { ...rest, contentType, deliveryMode, messageId, mandatory };
      const deliveryTag = await channel.publish(exchange, routingKey, body, properties);
      const receipt = { messageId, deliveryTag, exchange, routingKey, timeToConfirm: performance.now() - start };
      this.connection.events.confirms.next(receipt);
      return receipt;
    } catch (error) {
      if (error instanceof MessageReturnedError) this.connection.events.returns.next(error.returned);
      throw error;
    }
  }

  /**
   * Publishes to one queue, by its name through the default exchange.
   *
   * @throws MessageReturnedError when there is no such queue; else as {@link publish}
   */
  sendToQueue(queue: string, payload: unknown, options?: PublishOptions): Promise<PublishReceipt> {
    return this.publish('', queue, payload, options);
  }

  /** @internal Waits for the confirms that are due, within their deadlines, and ends the observables. */
  async close(): Promise<void> {
    const channel = await this.channel?.catch(() => undefined);
    await channel?.close();
  }

  /** The channel outlives errors and reconnects; should it close for good, or not open, the next publish opens another. */
  private openChannel(): Promise<Channel> {
    if (this.channel) return this.channel;
    const channel = this.openConfirmChannel();
    const forget = (): void => {
      if (this.channel === channel) this.channel = undefined;
    };
    void channel.then(({ closed }) => closed.then(forget), forget);
    return (this.channel = channel);
  }

  private async openConfirmChannel(): Promise<Channel> {
    const { publishing } = await this.connection.connections.open();
    const { publishTimeout } = this.connection.options;
    return publishing.openChannel({ confirm: true, ...(publishTimeout === undefined ? {} : { publishTimeout }) });
  }
}
