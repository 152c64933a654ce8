import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Subject, type Observable } from 'rxjs';
import { MessageReturnedError, type Channel, type ReturnedMessage } from '../../lib/client/index.js';
import { AmqpConnections } from '../module/amqp-connections.js';
import type { AmqpModuleOptions } from '../module/amqp-module.options.js';
import { getModuleOptionsToken } from '../module/amqp.tokens.js';
import { MessageSerializers } from '../serialization/message-serializers.js';
import type { PublishOptions } from './publish-options.js';
import type { PublishReceipt } from './publish-receipt.js';

const TRANSIENT = 1;
const PERSISTENT = 2;

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
@Injectable()
export class ConfirmingPublisher {
  private readonly confirms = new Subject<PublishReceipt>();
  private readonly returns = new Subject<ReturnedMessage>();
  private channel: Promise<Channel> | undefined;

  /** Every message that was confirmed. Completes when the application shuts down. */
  readonly confirms$: Observable<PublishReceipt> = this.confirms.asObservable();
  /** Every message that came back because no queue is bound for it. Completes when the application shuts down. */
  readonly returns$: Observable<ReturnedMessage> = this.returns.asObservable();

  constructor(
    private readonly connections: AmqpConnections,
    private readonly serializers: MessageSerializers,
    @Inject(getModuleOptionsToken()) private readonly options: AmqpModuleOptions,
  ) {}

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
    const { body, contentType } = this.serializers.encode(payload, options.contentType);
    const deliveryMode = persistent ? PERSISTENT : TRANSIENT;
    const channel = await this.openChannel();
    try {
      const properties = { ...rest, contentType, deliveryMode, messageId, mandatory };
      const deliveryTag = await channel.publish(exchange, routingKey, body, properties);
      const receipt = { messageId, deliveryTag, exchange, routingKey, timeToConfirm: performance.now() - start };
      this.confirms.next(receipt);
      return receipt;
    } catch (error) {
      if (error instanceof MessageReturnedError) this.returns.next(error.returned);
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
    this.confirms.complete();
    this.returns.complete();
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
    const { publishing } = await this.connections.open();
    const { publishTimeout } = this.options;
    return publishing.openChannel({ confirm: true, ...(publishTimeout === undefined ? {} : { publishTimeout }) });
  }
}
