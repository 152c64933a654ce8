import type { Duration } from '../common/duration.js';
import type { PublishOptions } from './publish-options.js';

/**
 * Options and properties of one request.
 *
 * @publicApi
 */
export interface RequestOptions extends Omit<PublishOptions, 'replyTo' | 'mandatory' | 'timeout' | 'delay' | 'at'> {
  /**
   * Time until the reply must arrive: ms, or a text such as `'10s'`; Infinity for no limit. Default: the publisher's
   * `timeout`, which is 30 s by default.
   */
  readonly timeout?: Duration | undefined;
  /** The correlation id; it must be unique among pending requests. Default: a random UUID. */
  readonly correlationId?: string | undefined;
  /**
   * Time that the request may wait in its queue, ms. Default: its timeout; a request with a timeout over 49 days does
   * not expire.
   */
  readonly expiration?: string | number | undefined;
}
