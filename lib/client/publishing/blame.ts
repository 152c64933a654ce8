import type { ChannelError } from '../errors.js';
import type { Publish } from './publish.js';

/** The conclusions from a channel.close about the unconfirmed publishes. */
export interface Verdict {
  /**
   * Position, in sending order, of the first publish that the broker certainly does not have. The broker closes the
   * channel at the wrong publish and ignores later ones. Infinity if the position is unknown.
   */
  readonly notThereFrom: number;
  /** Returns true for a publish from this position on that the broker refuses for the same reason. */
  readonly guilty: (publish: Publish) => boolean;
}

const NOBODY: Verdict = { notThereFrom: Infinity, guilty: () => false };

/**
 * Finds the publish because of which the broker has closed the channel. channel.close names the method and, in its
 * text, the error; it has no delivery tag.
 *
 * @param unconfirmed the publishes that were sent and not confirmed, in sending order
 * @param existed true if the broker has confirmed a publish to this exchange on this channel. The exchange was deleted
 * since, and publishes before that may have been accepted
 */
export function blame(
  error: ChannelError,
  unconfirmed: readonly Publish[],
  existed: (exchange: string) => boolean,
): Verdict {
  if (error.method !== 'basic.publish') return NOBODY;
  const fault = faultOf(error.replyText ?? '');
  if (!fault) {
    // The wrong publish is never confirmed.
    if (unconfirmed.length === 1) return { notThereFrom: 0, guilty: () => true };
    return NOBODY;
  }
  const first = unconfirmed.findIndex(fault.refused);
  if (first < 0) return NOBODY;
  // If the exchange existed a moment ago, the first of several publishes may be accepted; the last one is not.
  const uncertain = fault.exchange !== undefined && existed(fault.exchange);
  const notThereFrom = uncertain ? unconfirmed.findLastIndex(fault.refused) : first;
  return { notThereFrom, guilty: fault.refused };
}

interface Fault {
  readonly refused: (publish: Publish) => boolean;
  /** The exchange that is missing or forbidden. */
  readonly exchange?: string;
}

/** Reads RabbitMQ's reply text. Returns undefined if the text does not distinguish publishes. */
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
