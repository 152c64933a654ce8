import type { Duration } from '../common/duration.js';
import type { PublishOptions } from './publish-options.js';

/**
 * How to send one request.
 *
 * @publicApi
 */
export interface RequestOptions extends Omit<PublishOptions, 'replyTo' | 'mandatory' | 'timeout'> {
  /**
   * Until the answer has to be here: milliseconds, or text as `'10s'`; Infinity for no limit. Default: the publisher's
   * `timeout`, which is 30 s.
   */
  readonly timeout?: Duration | undefined;
  /** Default: a random UUID. It has to be unique among the requests that are under way. */
  readonly correlationId?: string | undefined;
  /** How long the request may wait in its queue: ms. Default: its timeout; with one over 49 days it does not expire. */
  readonly expiration?: string | number | undefined;
}
