import type { ChannelEndpoint } from '../channel/channel-endpoint.js';
import type { Leaving, Restorable } from '../channel/channel-host.js';
import { NotAllowedError } from '../errors.js';
import type { Link } from '../link/link.js';
import { ChannelIds } from './channel-ids.js';
import { Deferred } from '../timing/deferred.js';
import { sayFarewell } from './farewell.js';

/** The channels of one connection that are not closed, with their numbers. */
export class Channels implements Iterable<ChannelEndpoint> {
  private readonly all = new Set<ChannelEndpoint>();
  private readonly ids = new ChannelIds();
  /** Farewells of channels that have ended here and that the broker has not closed yet. */
  private readonly farewells = new Map<Leaving, Promise<void>>();

  /** @param link the live link; undefined if there is none */
  constructor(private readonly link: () => Link | undefined) {}

  /** A copy, since a caller that iterates over the channels may close some. */
  [Symbol.iterator](): Iterator<ChannelEndpoint> {
    return [...this.all][Symbol.iterator]();
  }

  add(channel: ChannelEndpoint): void {
    this.all.add(channel);
  }

  /**
   * Returns a number for a channel that opens for the first time.
   *
   * @param lenders channels that open anew only after this one has closed, so that it may have the number of one of them
   * @throws NotAllowedError if channel-max numbers are in use
   */
  allocateId(channelMax: number, lenders: readonly Restorable[] = []): number {
    return this.ids.allocate(
      channelMax,
      lenders.flatMap(({ idleId }) => idleId ?? []),
    );
  }

  /**
   * Removes a channel that is closed for good. @param free called when the broker has closed it too, and its number is
   * free
   */
  release(channel: Leaving, free: () => void): void {
    if (!(this.all as Set<Leaving>).delete(channel) || channel.id === 0) return;
    const left = new Deferred<void>();
    this.farewells.set(channel, left.promise);
    sayFarewell(this.link(), channel, () => {
      this.ids.release(channel.id);
      this.farewells.delete(channel);
      left.resolve();
      free();
    });
  }

  /** Resolves when the broker has closed the channels that have ended here. */
  async left(): Promise<void> {
    await Promise.all(this.farewells.values());
  }

  /** Resolves when the broker has closed a channel that has ended here, by its number. Undefined if there is none. */
  farewellOf(id: number): Promise<void> | undefined {
    for (const [channel, left] of this.farewells) if (channel.id === id) return left;
    return undefined;
  }

  /** Has the broker close a channel that is opened anew under the same number. */
  leave(channel: Leaving, left: () => void): void {
    sayFarewell(this.link(), channel, left);
  }

  /** After a failover the broker may allow fewer channels. It would close the connection for a higher number. */
  dropOver(channelMax: number): void {
    for (const channel of this) {
      if (channel.id <= channelMax) continue;
      channel.finish(
        new NotAllowedError(
          `channel ${channel.id} does not come back: the broker that the connection is on now allows ${channelMax} ` +
            '(channel-max); open fewer, or give all brokers the same limit',
          { scope: 'channel' },
        ),
      );
    }
  }

  /** The socket has room again, or the connection is no longer blocked. */
  pump(): void {
    for (const channel of this.all) channel.onWritable();
  }

  /** Bytes of deliveries whose handlers have not finished. */
  get heldBytes(): number {
    let bytes = 0;
    for (const { consumers } of this.all) bytes += consumers.heldBytes;
    return bytes;
  }

  /** Number of publishes that the broker has not confirmed, and of those that wait to be sent. */
  get publishes(): { readonly unconfirmed: number; readonly waiting: number } {
    let [unconfirmed, waiting] = [0, 0];
    for (const { publisher } of this.all) {
      unconfirmed += publisher.confirms.count;
      waiting += publisher.waitingCount;
    }
    return { unconfirmed, waiting };
  }

  /** True while an answer to a call, or a confirm, is outstanding. */
  get awaitBroker(): boolean {
    for (const channel of this.all) if (channel.awaitsBroker) return true;
    return false;
  }
}
