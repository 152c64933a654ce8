import type { PublishOptions } from './publish-options.js';

/**
 * How to send one request.
 *
 * @publicApi
 */
export interface RequestOptions extends Omit<PublishOptions, 'replyTo' | 'mandatory' | 'timeout'> {
  /** Milliseconds until the answer has to be here. Default: the publisher's `timeout`, which is 30,000. */
  readonly timeout?: number | undefined;
  /** Default: a random UUID. It has to be unique among the requests that are under way. */
  readonly correlationId?: string | undefined;
  /** Milliseconds that the request may wait in its queue, as text. Default: its timeout. */
  readonly expiration?: string | undefined;
}
