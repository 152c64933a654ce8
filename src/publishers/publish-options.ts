import type { OutgoingProperties } from '../../lib/client/index.js';
import type { Duration } from '../common/duration.js';

/**
 * How to publish one message: its properties and what to expect of the broker.
 *
 * @publicApi
 */
export interface PublishOptions extends Omit<OutgoingProperties, 'deliveryMode'> {
  /** Default: a random UUID. It names the message in logs and receipts, and lets consumers recognise a duplicate. */
  readonly messageId?: string | undefined;
  /**
   * Default by payload: a string is `text/plain`, bytes are `application/octet-stream`, all else is
   * `application/json`. When given, it chooses the serializer; bytes are always sent as they are.
   */
  readonly contentType?: string | undefined;
  /** The message survives a restart of the broker, in a durable queue. Default true. */
  readonly persistent?: boolean | undefined;
  /** Reject with `MessageReturnedError` when no queue is bound for the message. Default true. */
  readonly mandatory?: boolean | undefined;
  /**
   * Until the confirm has to be here: milliseconds, or text as `'10s'`; Infinity for no limit. Default: the publisher's
   * `timeout`, which is 30 s.
   */
  readonly timeout?: Duration | undefined;
  /** Gives up waiting, with the signal's reason; what was sent stays sent. */
  readonly signal?: AbortSignal | undefined;
}
