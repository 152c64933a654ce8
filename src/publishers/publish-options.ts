import { CHECKED_ELSEWHERE, type OptionChecks } from '../../lib/option-names/index.js';
import type { OutgoingProperties } from '../../lib/client/index.js';
import { PROPERTY_CHECKS } from '../common/message-checks.js';
import { FLAG, SIGNAL } from '../common/option-values.js';
import type { Compress } from '../serialization/compression.js';
import { TIMEOUT, type Duration } from '../common/duration.js';
import type { DelayOptions } from '../delay/delay-time.js';

/**
 * Options and properties of one message.
 *
 * @publicApi
 */
export interface PublishOptions extends Omit<OutgoingProperties, 'deliveryMode'>, DelayOptions {
  /**
   * The message id, which names the message in logs and receipts and lets consumers recognise duplicates. Default: a
   * random UUID.
   */
  readonly messageId?: string | undefined;
  /**
   * The content type; it selects the serializer. Default: `text/plain` for a string, `application/octet-stream` for
   * bytes, `application/json` for any other payload. Bytes are always sent unchanged: a
   * Buffer, a typed array, a DataView, an ArrayBuffer.
   */
  readonly contentType?: string | undefined;
  /**
   * The content encoding. A payload that is not bytes is compressed with `gzip`, `deflate`, `br` or `zstd`, if that is the
   * encoding. Bytes are sent unchanged, since they are encoded already. Default: as `compress` says.
   */
  readonly contentEncoding?: string | undefined;
  /**
   * Compresses the body and sets `contentEncoding`, unless that is given. Bodies that would not become smaller stay as they
   * are. Default: the publisher's `compress`.
   */
  readonly compress?: Compress | undefined;
  /**
   * Longest time in the queue (https://www.rabbitmq.com/docs/ttl): ms, text of digits only, or a text such as `'10s'`; 49
   * days at most. Default: that of the queue.
   */
  readonly expiration?: string | number | undefined;
  /**
   * User of the connection's login. RabbitMQ closes the channel for another one, unless the login has the tag `impersonator`
   * (https://www.rabbitmq.com/docs/validated-user-id). Default: none.
   */
  readonly userId?: string | undefined;
  /** The message survives a restart of the broker, in a durable queue. Default true. */
  readonly persistent?: boolean | undefined;
  /**
   * Reject with `MessageReturnedError` if no queue is bound for the message. Default true; false for a message with the
   * header `x-delay`, which an exchange of type `x-delayed-message` returns although it delivers the message later. Without
   * effect with `delay` and `at`.
   */
  readonly mandatory?: boolean | undefined;
  /**
   * Time until the message must be confirmed: ms from 1, or a text such as `'10s'`; Infinity for no limit. Default: the
   * publisher's `timeout`, which is 30 s by default.
   */
  readonly timeout?: Duration | undefined;
  /** Ends the wait with the signal's reason; a message that was sent stays sent. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** One check for each option: of a publish, and of the defaults of a publisher. */
export const PUBLISH_CHECKS = {
  persistent: FLAG,
  compress: CHECKED_ELSEWHERE,
  mandatory: FLAG,
  timeout: TIMEOUT,
  signal: SIGNAL,
  delay: CHECKED_ELSEWHERE,
  at: CHECKED_ELSEWHERE,
  ...PROPERTY_CHECKS,
} satisfies OptionChecks<PublishOptions>;

/** Names of the options. */
export const PUBLISH_OPTIONS: readonly string[] = Object.keys(PUBLISH_CHECKS);
