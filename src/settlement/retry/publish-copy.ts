import {
  COPY_OF,
  EncodingError,
  type Channel,
  type CopyOf,
  type Delivery,
  type MessageProperties,
} from '../../../lib/client/index.js';
import { forwardedProperties } from './forwarded-properties.js';
import { headerSize } from './header-size.js';
import { CannotRetryError } from './retry.errors.js';
import type { RetryState } from './retry-state.js';

export interface CopyOptions {
  /** Further properties, in place of those of the message. */
  readonly properties?: MessageProperties;
  /** Bytes that the headers may take; beyond that the next history is tried. Default: as many as fit into a frame. */
  readonly room?: number;
  /** For those who trace it. */
  readonly copyOf: CopyOf;
}

/**
 * Publishes a copy of the message with the first of these histories that its headers have room for: they have to fit into
 * one frame, which the publisher's own may fill.
 *
 * @throws CannotRetryError when none fits
 */
export async function publishCopy(
  channel: Pick<Channel, 'publish'>,
  queue: string,
  delivery: Delivery,
  histories: readonly (RetryState | undefined)[],
  { properties: further = {}, room = Infinity, copyOf }: CopyOptions,
): Promise<void> {
  for (const history of histories) {
    try {
      const properties = forwardedProperties(delivery, history);
      if (headerSize(properties.headers ?? {}) > room) continue;
      const options = { ...properties, ...further, mandatory: true, [COPY_OF]: copyOf };
      await channel.publish('', queue, delivery.body, options);
      return;
    } catch (error) {
      if (!(error instanceof EncodingError)) throw error;
    }
  }
  throw new CannotRetryError('its headers leave no room for its history');
}
