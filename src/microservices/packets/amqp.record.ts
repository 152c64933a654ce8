import { RmqRecord, type RmqRecordOptions } from '@nestjs/microservices';
import type { Duration } from '../../common/duration.js';
import type { DelayOptions } from '../../delay/delay-time.js';

/**
 * Options of one message: those of `RmqRecord`, and more. `delay` and `at` are for events: `emit()` completes when the broker
 * has the event, and the service gets it later.
 *
 * @publicApi
 */
export interface AmqpRecordOptions extends Omit<RmqRecordOptions, 'headers' | 'timestamp'>, DelayOptions {
  /** Headers of the message, in addition to those of the client. Default: none. */
  readonly headers?: object;
  /** The property `timestamp`: seconds since 1970, or a date. Default: none. */
  readonly timestamp?: number | Date;
  /**
   * Time until a request without a reply fails, or until an event must be confirmed: ms, or a text such as `'10s'`;
   * Infinity for no limit. Default: the client's `requestTimeout` or `publishTimeout`.
   */
  readonly timeout?: Duration;
}

/**
 * Data with options for its message: headers, priority, expiration, message id, … Create one with {@link
 * AmqpRecordBuilder}. An `RmqRecord` of `@nestjs/microservices` works, too.
 *
 * @publicApi
 */
export class AmqpRecord<TData = unknown> extends RmqRecord<TData> {
  constructor(
    data: TData,
    override readonly options: AmqpRecordOptions & RmqRecordOptions = {},
  ) {
    super(data, options);
  }
}

/**
 * Builds an {@link AmqpRecord}.
 *
 * @example
 * ```ts
 * const record = new AmqpRecordBuilder({ id: 7 })
 *   .setOptions({ priority: 3, headers: { 'x-tenant': 'acme' }, timeout: 2_000 })
 *   .build();
 * client.send('orders.get', record);
 *
 * const reminder = new AmqpRecordBuilder({ id: 7 }).setOptions({ delay: '1h' }).build();
 * client.emit('order.unpaid', reminder);
 * ```
 *
 * @publicApi
 */
export class AmqpRecordBuilder<TData> {
  private options: AmqpRecordOptions = {};

  constructor(private data: TData) {}

  /** Replaces the data. */
  setData(data: TData): this {
    this.data = data;
    return this;
  }

  /** Adds options; `headers` replaces earlier headers. */
  setOptions(options: AmqpRecordOptions): this {
    this.options = { ...this.options, ...options };
    return this;
  }

  /** Returns the record. */
  build(): AmqpRecord<TData> {
    return new AmqpRecord(this.data, this.options as AmqpRecordOptions & RmqRecordOptions);
  }
}
