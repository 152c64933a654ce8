import {
  COPY_OF,
  EncodingError,
  type Channel,
  type CopyOf,
  type Delivery,
  type MessageProperties,
} from '../../../lib/client/index.js';
import { forwardedProperties } from './forwarded-properties.js';
import { headerSize } from '../../common/header-size.js';
import { CannotRetryError } from './retry.errors.js';
import type { RetryState } from './retry-state.js';

export interface CopyOptions {
  /** Properties that replace those of the message. */
  readonly properties?: MessageProperties;
  /**
   * Maximum size of the headers in bytes; beyond it the next history is tried. Default: the size that fits into a
   * frame.
   */
  readonly room?: number;
  /** The reason of the copy, for its trace. */
  readonly copyOf: CopyOf;
}

/**
 * Publishes a copy of the message with the first of these histories that fits into its headers. Headers have to fit
 * into one frame, which the publisher's headers may fill.
 *
 * @throws CannotRetryError if none fits
 */
export async function publishCopy(
  channel: Pick<Channel, 'publish'>,
  queue: string,
  message: Pick<Delivery, 'body' | 'properties' | 'encodedHeaders'>,
  histories: readonly (RetryState | undefined)[],
  { properties: further = {}, room = Infinity, copyOf }: CopyOptions,
): Promise<void> {
  for (const history of histories) {
    try {
      const properties = forwardedProperties(message, history);
      if (headerSize(properties.headers ?? {}) > room) continue;
      const options = { ...properties, ...further, mandatory: true, [COPY_OF]: copyOf };
      await channel.publish('', queue, message.body, options);
      return;
    } catch (error) {
      if (!(error instanceof EncodingError)) throw error;
    }
  }
  throw new CannotRetryError('its headers leave no room for its history');
}
