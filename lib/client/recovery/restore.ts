import { Backoff, pause } from '../../environment/index.js';
import type { ChannelHost, Restorable } from '../channel/channel-host.js';
import { ChannelError, TimeoutError, type AmqpError } from '../errors.js';
import { textOf } from '../text-of.js';
import type { Link } from '../link/link.js';
import type { CallOptions } from '../link/pending-calls.js';

/** Declares again what the channels need. It may fail: what can be consumed all the same is consumed. */
type Replay = (channels: readonly Restorable[]) => Promise<void>;
type Host = Pick<ChannelHost, 'link' | 'options'>;

/**
 * The one path on which channels open: a new one, one after its own error, and all after a lost connection:
 *
 *     1. open anew, with QoS and confirm mode    2. topology    3. consumers; then what waited is published
 *
 * A new channel that the broker refuses has closed. Another that fails on the way starts again from 1, alone; one that keeps failing closes with the error. A consumer that
 * is locked out holds up nobody: it waits by itself (`ConsumerSet`). When the connection is lost meanwhile everything here
 * ends: the next connection begins it anew.
 *
 * @param wait of the first attempt to open each. Default: the channel's own
 */
export async function restore(
  channels: readonly Restorable[],
  replay: Replay,
  host: Host,
  wait: CallOptions = {},
): Promise<void> {
  const { link } = host;
  if (!link) return;
  const attached = await keepSuccessful(channels, (channel) => answered(link, channel.attach(wait)));
  await replayed(attached, replay, host, link);
  // On a link that is dead nothing may be opened: its channels are the next one's to restore.
  if (host.link !== link) return;
  const resumed = await keepSuccessful(attached, (channel) => answered(link, channel.resume()));
  const failed = channels.filter((channel) => channel.lost && !resumed.includes(channel));
  await Promise.all(failed.map((channel) => restoreAlone(channel, replay, host, link)));
}

async function restoreAlone(channel: Restorable, replay: Replay, host: Host, link: Link): Promise<void> {
  const { clock, random } = host.options;
  const backoff = new Backoff(50, 2_000, random);
  let failure: unknown;
  for (let attempt = 0; attempt < channel.channelOptions.restoreAttempts; attempt++) {
    // A connection that closes leaves no timer behind.
    await pause(clock, backoff.next(), link.ended);
    if (host.link !== link || !channel.lost) return;
    const consumers = channel.consumers.list().length;
    try {
      await answered(link, channel.attach());
      await replayed([channel], replay, host, link);
      if (host.link !== link) return;
      await answered(link, channel.resume());
      return;
    } catch (error) {
      if (host.link !== link || !channel.lost) return;
      failure = error;
      if (!(error instanceof ChannelError)) break;
      // A consumer that the broker refused has ended, or waits by itself: not another failure of the same kind.
      if (error.method === 'basic.consume' || channel.consumers.list().length < consumers) attempt = -1;
    }
  }
  channel.finish(failure as AmqpError);
}

/**
 * A broker that does not answer may do so on another connection, which brings back all. On this one the number of a channel
 * that was opened once more would be open twice.
 */
async function answered(link: Link, step: Promise<void>): Promise<void> {
  try {
    await step;
  } catch (error) {
    if (error instanceof TimeoutError) link.fail(error);
    throw error;
  }
}

async function replayed(channels: readonly Restorable[], replay: Replay, host: Host, link: Link): Promise<void> {
  try {
    await answered(link, replay(channels));
  } catch (error) {
    host.options.logger.warn(`the topology was not declared again: ${textOf(error)}`);
  }
}

async function keepSuccessful(
  channels: readonly Restorable[],
  step: (channel: Restorable) => Promise<void>,
): Promise<Restorable[]> {
  const results = await Promise.allSettled(channels.map(step));
  return channels.filter((_, index) => results[index]!.status === 'fulfilled');
}
