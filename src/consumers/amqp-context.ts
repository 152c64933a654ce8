import type { Delivery, MessageProperties } from '../../lib/client/index.js';

/**
 * What is known of a message beside its payload. Handlers get it by {@link Ctx}; guards, interceptors and filters by
 * `host.switchToRpc().getContext<AmqpContext>()`.
 *
 * @publicApi
 */
export class AmqpContext {
  constructor(
    /** The message as it was delivered. Its settlement follows from the handler's outcome. */
    readonly delivery: Delivery,
    /** The queue it came from. */
    readonly queue: string,
  ) {}

  /** Content type, message id, correlation id, reply-to, timestamp, … as the publisher set them. */
  get properties(): MessageProperties {
    return this.delivery.properties;
  }

  /** The headers, empty where the publisher set none. */
  get headers(): NonNullable<MessageProperties['headers']> {
    return this.properties.headers ?? {};
  }
}
