import { Backoff } from '../../environment/index.js';
import type { ChannelHost, Restorable } from '../channel/channel-host.js';
import { ChannelError, TimeoutError, type AmqpError } from '../errors.js';
import { textOf } from '../text-of.js';
import type { Link } from '../link/link.js';

/** Declares again what the channels need. It may fail: what can be consumed all the same is consumed. */
type Replay = (channels: readonly Restorable[]) => Promise<void>;
type Host = Pick<ChannelHost, 'link' | 'options'>;

/** Seconds; where no heartbeat tells how long the broker may take to notice that a connection is dead. */
const ASSUMED_HEARTBEAT = 20;

/**
 * The one restore path, of a channel after its own error and of all channels after a lost connection:
 *
 *     1. open anew, with QoS and confirm mode    2. topology    3. consumers; then what waited is published
 *
 * A channel that fails on the way starts again from 1, alone; one that keeps failing closes with the error. When the
 * connection is lost meanwhile everything here ends: the next connection begins it anew.
 */
export async function restore(channels: readonly Restorable[], replay: Replay, host: Host): Promise<void> {
  const { link } = host;
  if (!link) return;
  const attached = await keepSuccessful(channels, (channel) => attach(channel, link));
  await replayed(attached, replay, host);
  // On a link that is dead nothing may be opened: its channels are the next one's to restore.
  if (host.link !== link) return;
  const lockedOut = new Set<Restorable>();
  const resumed = await keepSuccessful(attached, async (channel) => {
    try {
      await channel.resume(true);
    } catch (error) {
      if (error instanceof ChannelError && error.method === 'basic.consume') lockedOut.add(channel);
      throw error;
    }
  });
  const failed = channels.filter((channel) => channel.lost && !resumed.includes(channel));
  // A lock may last for minutes: the others do not wait for it.
  const alone = failed.map((channel) => {
    const done = restoreAlone(channel, replay, host, link);
    return lockedOut.has(channel) ? Promise.resolve() : done;
  });
  await Promise.all(alone);
}

async function restoreAlone(channel: Restorable, replay: Replay, host: Host, link: Link): Promise<void> {
  const { clock, random } = host.options;
  const backoff = new Backoff(50, 2_000, random);
  // A broker that has not noticed yet that our old connection is dead keeps exclusive queues and consumers locked.
  const locksGone = clock.now() + 3_000 * (link.negotiated.heartbeat || ASSUMED_HEARTBEAT);
  let failure: unknown;
  for (let attempt = 0; attempt < channel.channelOptions.restoreAttempts; attempt++) {
    await new Promise<void>((resolve) => clock.after(backoff.next(), resolve));
    if (host.link !== link || !channel.lost) return;
    const consumers = channel.consumers.list().length;
    try {
      await attach(channel, link);
      await replayed([channel], replay, host);
      if (host.link !== link) return;
      await channel.resume(clock.now() < locksGone);
      return;
    } catch (error) {
      if (host.link !== link || !channel.lost) return;
      failure = error;
      // A broker that does not answer may do so on another connection, which brings back all channels.
      if (error instanceof TimeoutError) return link.fail(error);
      if (!(error instanceof ChannelError)) break;
      // A consumer that the broker refused has ended, or is locked out for now: not another failure of the same kind.
      if (error.method === 'basic.consume' || channel.consumers.list().length < consumers) attempt = -1;
    }
  }
  channel.finish(failure as AmqpError);
}

/** A broker that does not answer may do so on another connection. Opened again on this one, the number would be open twice. */
async function attach(channel: Restorable, link: Link): Promise<void> {
  try {
    await channel.attach();
  } catch (error) {
    if (error instanceof TimeoutError) link.fail(error);
    throw error;
  }
}

async function replayed(channels: readonly Restorable[], replay: Replay, { options }: Host): Promise<void> {
  try {
    await replay(channels);
  } catch (error) {
    options.logger.warn(`the topology was not declared again: ${textOf(error)}`);
  }
}

async function keepSuccessful(
  channels: readonly Restorable[],
  step: (channel: Restorable) => Promise<void>,
): Promise<Restorable[]> {
  const results = await Promise.allSettled(channels.map(step));
  return channels.filter((_, index) => results[index]!.status === 'fulfilled');
}
