import { Backoff, pause } from '../../environment/index.js';
import type { ChannelHost, Restorable } from '../channel/channel-host.js';
import { ChannelError, TimeoutError, type AmqpError } from '../errors.js';
import { textOf } from '../text-of.js';
import type { Link } from '../link/link.js';
import type { CallOptions } from '../link/pending-calls.js';

/**
 * Declares again the entities that the channels need. After a failure, the consumers whose queues exist are still
 * restored.
 */
type Replay = (channels: readonly Restorable[]) => Promise<void>;
type Host = Pick<ChannelHost, 'link' | 'options'>;

/**
 * The one path on which channels open: a new channel, a channel after its own error, and all channels after a lost
 * connection:
 *
 *     1. topology    2. open anew, with QoS and confirm mode    3. consumers; then what waited is published
 *
 * The topology comes first, since it is declared on another channel, which may need the number of one of these: all
 * channel-max numbers may be in use. A channel that the broker still has open is closed before, and its number is free.
 *
 * A channel that `openChannel()` waits for closes if the broker refuses it. Any other channel that fails on the way starts again
 * from step 1, alone; a channel that keeps failing closes with the error. A consumer that is locked out delays no other: it waits by
 * itself (`ConsumerSet`). If the connection is lost meanwhile, the restore ends, and the next connection starts it
 * anew.
 *
 * @param replay undefined for new channels, which need no step before they open
 * @param wait limits of the first attempt to open each channel. Default: the channel's own
 */
export async function restore(
  channels: readonly Restorable[],
  replay: Replay | undefined,
  host: Host,
  wait: CallOptions = {},
): Promise<void> {
  const { link } = host;
  if (!link) return;
  const ready = replay ? await prepared(channels, replay, host, link) : channels;
  // Nothing may be opened on a dead link. The next link restores its channels.
  if (host.link !== link) return;
  const attached = await keepSuccessful(ready, (channel) => answered(link, channel.attach(wait)));
  if (host.link !== link) return;
  const resumed = await keepSuccessful(attached, (channel) => answered(link, channel.resume()));
  const failed = channels.filter((channel) => channel.lost && !resumed.includes(channel));
  await Promise.all(failed.map((channel) => restoreAlone(channel, replay, host, link)));
}

/** @returns the channels that are closed at the broker */
async function prepared(
  channels: readonly Restorable[],
  replay: Replay,
  host: Host,
  link: Link,
): Promise<readonly Restorable[]> {
  const vacated = await keepSuccessful(channels, (channel) => answered(link, channel.vacate()));
  await replayed(vacated, replay, host, link);
  return vacated;
}

async function restoreAlone(channel: Restorable, replay: Replay | undefined, host: Host, link: Link): Promise<void> {
  const { clock, random } = host.options;
  const backoff = new Backoff(50, 2_000, random);
  let failure: unknown;
  for (let attempt = 0; attempt < channel.channelOptions.restoreAttempts; attempt++) {
    // A closing connection leaves no timer behind.
    await pause(clock, backoff.next(), link.ended);
    if (host.link !== link || !channel.lost) return;
    const consumers = channel.consumers.list().length;
    try {
      await answered(link, channel.vacate());
      if (replay) await replayed([channel], replay, host, link);
      if (host.link !== link) return;
      await answered(link, channel.attach());
      await answered(link, channel.resume());
      return;
    } catch (error) {
      if (host.link !== link || !channel.lost) return;
      failure = error;
      if (!(error instanceof ChannelError)) break;
      // A refused consumer has ended or waits by itself, so this is no repeated failure.
      if (error.method === 'basic.consume' || channel.consumers.list().length < consumers) attempt = -1;
    }
  }
  channel.finish(failure as AmqpError);
}

/**
 * A silent broker may answer on another connection, which restores everything. On this connection, opening the channel
 * once more could open its number twice (decision 28).
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
