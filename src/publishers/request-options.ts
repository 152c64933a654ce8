import type { Duration } from '../common/duration.js';
import { PUBLISH_OPTIONS, type PublishOptions } from './publish-options.js';

/** A request sets the first two itself. A delay would use up its time limit. */
const NOT_OF_REQUESTS: readonly string[] = ['replyTo', 'mandatory', 'delay', 'at'] satisfies Exclude<
  keyof PublishOptions,
  keyof RequestOptions
>[];

/** Names of the options. */
export const REQUEST_OPTIONS = without(PUBLISH_OPTIONS);

/** Returns a publisher's defaults as far as they apply to its requests. */
export function requestDefaults(defaults: Partial<PublishOptions>): Partial<RequestOptions> {
  const names = without(Object.keys(defaults));
  return Object.fromEntries(names.map((name) => [name, defaults[name as keyof PublishOptions]]));
}

function without(names: readonly string[]): readonly string[] {
  return names.filter((name) => !NOT_OF_REQUESTS.includes(name));
}

/**
 * Options and properties of one request.
 *
 * @publicApi
 */
export interface RequestOptions extends Omit<PublishOptions, 'replyTo' | 'mandatory' | 'timeout' | 'delay' | 'at'> {
  /**
   * Time until the reply must arrive: ms from 1, or a text such as `'10s'`; Infinity for no limit. Default: the publisher's
   * `timeout`, which is 30 s by default.
   */
  readonly timeout?: Duration | undefined;
  /** The correlation id; it must be unique among pending requests. Default: a random UUID. */
  readonly correlationId?: string | undefined;
  /**
   * Time that the request may wait in its queue: ms, or a text such as `'10s'`. Default: its timeout; a request with a
   * timeout over 49 days does not expire.
   */
  readonly expiration?: string | number | undefined;
}
