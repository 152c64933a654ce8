import { showAs } from '../../lib/shown/index.js';
import type { Delivery, MessageProperties } from '../../lib/client/index.js';
import { refuseUnknown } from '../common/known-options.js';
import { checkValues, FLAG } from '../common/option-values.js';
import { originalProperties } from './retry/original-properties.js';
import { Handling } from './handling.js';
import type { FailureRecord } from './retry/failure-record.js';
import type { RetryState } from './retry/retry-state.js';

/** The input of one handler call: a message, or the messages of a batch. */
export interface Work {
  readonly handling: Handling;
  readonly contexts: readonly AmqpContext[];
}

/**
 * Everything about a message except its payload. Handlers get it by {@link Ctx}; guards, interceptors and filters get
 * it by `host.switchToRpc().getContext<AmqpContext>()`.
 *
 * A retried message arrives from a delay queue. The context shows it as its publisher sent it, except for `attempt`;
 * `delivery` is the message as it was received.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing')
 * onOrder(@Payload() order: Order, @Ctx() context: AmqpContext) {
 *   console.log(context.properties.messageId, context.headers['x-tenant'], context.attempt);
 * }
 * ```
 *
 * @publicApi
 */
export class AmqpContext {
  private original: MessageProperties | undefined;
  /** @internal Its time in the handler; shared by the messages of a batch. */
  handling = new Handling();

  constructor(
    /** The message as it was received. The outcome of the handler settles it. */
    readonly delivery: Delivery,
    /** The queue that the message was consumed from. */
    readonly queue: string,
    private readonly state: RetryState | undefined,
  ) {}

  /** @internal */
  get contexts(): readonly AmqpContext[] {
    return [this];
  }

  /** The queue. Observers of Nest's transports, such as `@nestjs/observe`, show it as the name of the operation. */
  getPattern(): string {
    return this.queue;
  }

  /** Number of the attempt, from 1. Each retry adds one; redeliveries do not count. */
  get attempt(): number {
    return (this.state?.failed ?? 0) + 1;
  }

  /**
   * Aborted when the result of the handler does not count any more: after the consumer's `timeout`
   * (`HandlerTimeoutError`), or when the channel is lost and the broker delivers the message again, or at the end of
   * the grace period of a stop (`StaleDeliveryError` for both).
   *
   * @example
   * ```ts
   * await fetch(url, { signal: context.signal });
   * ```
   */
  get signal(): AbortSignal {
    return this.handling.signal;
  }

  /** The failure of the first attempt; undefined in the first attempt. */
  get firstFailure(): FailureRecord | undefined {
    return this.state?.firstFailure;
  }

  /** The failure of the previous attempt; undefined in the first attempt. */
  get lastFailure(): FailureRecord | undefined {
    return this.state?.lastFailure;
  }

  /** The exchange that the message was published to. */
  get exchange(): string {
    return this.state?.exchange ?? this.delivery.exchange;
  }

  /** The routing key that the message was published with. */
  get routingKey(): string {
    return this.state?.routingKey ?? this.delivery.routingKey;
  }

  /**
   * Content type, message id, correlation id, reply-to, timestamp, … as the publisher set them. In a retry, `userId` is
   * missing, since only the broker can verify it.
   */
  get properties(): MessageProperties {
    return (this.original ??= originalProperties(this.delivery, this.state));
  }

  /** The headers; empty if the publisher set none. */
  get headers(): NonNullable<MessageProperties['headers']> {
    return this.properties.headers ?? {};
  }

  /**
   * Acknowledges the message (basic.ack), for `ack: 'manual'`. Has no effect if the message is settled or {@link
   * signal} is aborted.
   */
  ack(): void {
    if (this.open) this.delivery.ack();
  }

  /**
   * Returns the message to its queue (basic.nack), for `ack: 'manual'`. Has no effect if the message is settled or
   * {@link signal} is aborted.
   *
   * @param options.requeue true returns it at once, so avoid a loop; false has the effect of `reject()`. Default true
   * @throws ConfigurationError for an unknown option or a wrong value; the message is not settled
   */
  nack(options: { readonly requeue?: boolean } = {}): void {
    checkRequeue('nack', options);
    if (this.open) this.delivery.nack({ requeue: options.requeue !== false });
  }

  /**
   * Rejects the message (basic.reject), for `ack: 'manual'`: it goes to the queue's dead-letter exchange, or is dropped
   * if there is none. Has no effect if the message is settled or {@link signal} is aborted.
   */
  reject(): void {
    if (this.open) this.delivery.reject({ requeue: false });
  }

  /** True if the handler can settle the message: it is not settled, and its result still counts. */
  private get open(): boolean {
    return !this.delivery.settled && this.handling.over === undefined;
  }
}

/** @param method that takes the options, for errors @throws ConfigurationError */
export function checkRequeue(method: string, options: { readonly requeue?: boolean }): void {
  refuseUnknown(method, options, ['requeue']);
  checkValues(method, options, { requeue: FLAG });
}

showAs(AmqpContext, ({ queue, attempt, delivery }) => ({ queue, attempt, delivery }));
