import type { Publish } from './confirms.js';
import type { AmqpError, ChannelError } from '../errors.js';

/** How a channel ended, as its unconfirmed publishes see it. */
interface Ending {
  /** The error of whatever was pending and is not to blame. */
  readonly others: AmqpError;
  /** The broker's error, where it has closed this channel. */
  readonly ofChannel: ChannelError | undefined;
  /** Publishes that were sent and not confirmed. */
  readonly unconfirmed: number;
  /** They are wished to be sent again. */
  readonly again: boolean;
}

/**
 * Whose fault it was: a publish to an exchange that is not there closes the channel under all the others.
 *
 * @returns the error of a publish that was sent; undefined to send it again
 */
export function blame({ others, ofChannel, unconfirmed, again }: Ending): (publish: Publish) => unknown {
  if (ofChannel?.method !== 'basic.publish') return () => (again ? undefined : others);
  const exchange = /exchange '(.*?)' in vhost/.exec(ofChannel.replyText ?? '')?.[1];
  return (publish) => {
    if (unconfirmed === 1 || publish.exchange === exchange) return ofChannel;
    // Where the broker does not say which one it was, sending again could fail for ever.
    return again && exchange !== undefined ? undefined : others;
  };
}
