import type { ChannelError } from '../errors.js';
import type { Publish } from './publish.js';

/** The conclusions from a channel.close about the publishes that the broker had not confirmed. */
export interface Verdict {
  /**
   * Position of the first publish, in sending order, that the broker certainly does not have: it closes the channel at
   * the publish that is to blame, and ignores all that follow. Infinity when that cannot be known.
   */
  readonly notThereFrom: number;
  /** From there on: the broker refuses this publish for the same reason. */
  readonly guilty: (publish: Publish) => boolean;
}

const NOBODY: Verdict = { notThereFrom: Infinity, guilty: () => false };

/**
 * Finds the publish that made the broker close the channel. channel.close names the method and, in its text, what was
 * wrong with it; it has no delivery tag.
 *
 * @param unconfirmed the publishes that were sent and not confirmed, in sending order
 * @param existed the broker has confirmed a publish to this exchange on this channel: it has been deleted since, and
 *   publishes before that may have been taken
 */
export function blame(
  error: ChannelError,
  unconfirmed: readonly Publish[],
  existed: (exchange: string) => boolean,
): Verdict {
  if (error.method !== 'basic.publish') return NOBODY;
  const fault = faultOf(error.replyText ?? '');
  if (!fault) {
    // The one that is to blame is never confirmed.
    if (unconfirmed.length === 1) return { notThereFrom: 0, guilty: () => true };
    return NOBODY;
  }
  const first = unconfirmed.findIndex(fault.refused);
  if (first < 0) return NOBODY;
  // Where the exchange was there a moment ago, the first of several may be taken; the last is not.
  const uncertain = fault.exchange !== undefined && existed(fault.exchange);
  const notThereFrom = uncertain ? unconfirmed.findLastIndex(fault.refused) : first;
  return { notThereFrom, guilty: fault.refused };
}

interface Fault {
  readonly refused: (publish: Publish) => boolean;
  /** The exchange that is missing or forbidden. */
  readonly exchange?: string;
}

/** Reads RabbitMQ's reply text. Undefined: it does not tell one publish from another. */
function faultOf(text: string): Fault | undefined {
  const [, topic, topicExchange] = /topic '(.*?)' in exchange '(.*?)' in vhost/.exec(text) ?? [];
  if (topicExchange !== undefined) {
    return {
      exchange: topicExchange,
      refused: (publish) => publish.exchange === topicExchange && publish.routingKey === topic,
    };
  }
  const exchange = /exchange '(.*?)' in vhost/.exec(text)?.[1];
  if (exchange !== undefined) return { exchange, refused: (publish) => publish.exchange === exchange };
  const userId = /user_id property set to '(.*?)' but/.exec(text)?.[1];
  if (userId !== undefined) return { refused: ({ properties }) => properties.userId === userId };
  const expiration = /invalid expiration '(.*?)'/.exec(text)?.[1];
  if (expiration !== undefined) return { refused: ({ properties }) => String(properties.expiration) === expiration };
  const size = /message size (\d+) is larger than/.exec(text)?.[1];
  if (size !== undefined) return { refused: ({ body }) => body.length === Number(size) };
  return undefined;
}
