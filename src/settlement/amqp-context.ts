import { showAs } from '../../lib/shown/index.js';
import type { Delivery, MessageProperties } from '../../lib/client/index.js';
import { originalProperties } from './retry/original-properties.js';
import { Handling } from './handling.js';
import type { FailureRecord } from './retry/failure-record.js';
import type { RetryState } from './retry/retry-state.js';

/**
 * What is known of a message beside its payload. Handlers get it by {@link Ctx}; guards, interceptors and filters by
 * `host.switchToRpc().getContext<AmqpContext>()`.
 *
 * A retry comes out of a delay queue. Here it looks as its publisher has sent it, apart from `attempt`; `delivery` is
 * what came over the wire.
 *
 * @publicApi
 */
export class AmqpContext {
  private original: MessageProperties | undefined;
  /** @internal Its time in the handler; shared by the messages of a batch. */
  handling = new Handling();

  constructor(
    /** The message as it was delivered. Its settlement follows from the handler's outcome. */
    readonly delivery: Delivery,
    /** The queue it came from. */
    readonly queue: string,
    private readonly state: RetryState | undefined,
  ) {}

  /** Which attempt at the message this is: 1, and one more for each retry. Redeliveries do not count. */
  get attempt(): number {
    return (this.state?.failed ?? 0) + 1;
  }

  /**
   * Aborted when what the handler does no longer counts: after the consumer's `timeout` (`HandlerTimeoutError`), when the
   * channel is lost and the broker delivers the message again, and when the application has stopped and its grace period
   * is over (`StaleDeliveryError`).
   *
   * @example
   * ```ts
   * await fetch(url, { signal: context.signal });
   * ```
   */
  get signal(): AbortSignal {
    return this.handling.signal;
  }

  /** Why the first attempt failed; undefined in the first. */
  get firstFailure(): FailureRecord | undefined {
    return this.state?.firstFailure;
  }

  /** Why the attempt before this one failed; undefined in the first. */
  get lastFailure(): FailureRecord | undefined {
    return this.state?.lastFailure;
  }

  /** The exchange that it was published to. */
  get exchange(): string {
    return this.state?.exchange ?? this.delivery.exchange;
  }

  /** The routing key that it was published with. */
  get routingKey(): string {
    return this.state?.routingKey ?? this.delivery.routingKey;
  }

  /**
   * Content type, message id, correlation id, reply-to, timestamp, … as the publisher set them; in a retry without
   * `userId`, which only the broker can vouch for.
   */
  get properties(): MessageProperties {
    return (this.original ??= originalProperties(this.delivery, this.state));
  }

  /** The headers, empty where the publisher set none. */
  get headers(): NonNullable<MessageProperties['headers']> {
    return this.properties.headers ?? {};
  }

  /** Done with it (basic.ack). For `ack: 'manual'`. Without effect when it is settled, or {@link signal} aborted, already. */
  ack(): void {
    if (this.open) this.delivery.ack();
  }

  /**
   * Not done with it (basic.nack). For `ack: 'manual'`. Without effect when it is settled already.
   *
   * @param options.requeue back to its queue, at once: mind the loop. False: as `reject()`. Default true
   */
  nack(options: { readonly requeue?: boolean } = {}): void {
    if (this.open) this.delivery.nack({ requeue: options.requeue !== false });
  }

  /**
   * Refuses it (basic.reject): dead-lettered where its queue says so, else dropped. For `ack: 'manual'`. Without effect
   * when it is settled already.
   */
  reject(): void {
    if (this.open) this.delivery.reject({ requeue: false });
  }

  /** It can be settled by hand: it is not settled, and the handler's time is not over. */
  private get open(): boolean {
    return !this.delivery.settled && this.handling.over === undefined;
  }
}

showAs(AmqpContext, ({ queue, attempt, delivery }) => ({ queue, attempt, delivery }));
