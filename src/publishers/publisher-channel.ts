import {
  PublishRefusedError,
  PublishTimeoutError,
  type Channel,
  type ChannelOptions,
  type PublishOptions,
} from '../../lib/client/index.js';
import type { AmqpConnections } from '../connection/amqp-connections.js';
import { untilAborted } from '../common/waiting.js';
import type { CheckedPublisherOptions } from './publisher-options.js';

const TIMEOUT = 30_000;
const MAX_WAITING = 100_000;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/**
 * A channel to publish on, opened with the first publish. It outlives errors and reconnects; should it close for good, or
 * not open, the next publish opens another. What the channel does for publishes that have to wait is done here as long as
 * there is none.
 */
export class PublisherChannel {
  private opening: Promise<Channel> | undefined;
  private open: Channel | undefined;
  private waiting = 0;
  private waitingBytes = 0;

  /** @param prepare is done once with each channel, before anything is published on it */
  constructor(
    private readonly connections: Pick<AmqpConnections, 'open' | 'isOpen' | 'environment'>,
    private readonly options: CheckedPublisherOptions,
    private readonly prepare: (channel: Channel) => Promise<void> = () => Promise.resolve(),
  ) {}

  /** Resolves with the delivery tag on the broker's ack. @throws see {@link ConfirmingPublisher.publish} */
  publish(exchange: string, routingKey: string, body: Uint8Array, options: PublishOptions): Promise<number> {
    return (
      this.open?.publish(exchange, routingKey, body, options) ?? this.publishLater(exchange, routingKey, body, options)
    );
  }

  /** Waits for the confirms that are due. */
  async close(): Promise<void> {
    const channel = await this.opening?.catch(() => undefined);
    await channel?.close();
  }

  private async publishLater(
    exchange: string,
    routingKey: string,
    body: Uint8Array,
    options: PublishOptions,
  ): Promise<number> {
    const { clock } = this.connections.environment;
    const start = clock.now();
    const timeout = options.timeout ?? this.options.timeout ?? TIMEOUT;
    const channel = await this.whileWaiting(body.length, timeout, options.signal);
    // The deadline is of the whole, and has not passed.
    const left = Math.max(1, timeout - (clock.now() - start));
    return channel.publish(exchange, routingKey, body, { ...options, timeout: left });
  }

  private async whileWaiting(bytes: number, timeout: number, signal: AbortSignal | undefined): Promise<Channel> {
    const { whenUnavailable, maxWaiting = MAX_WAITING, maxWaitingBytes = MAX_WAITING_BYTES } = this.options;
    const { isOpen, environment } = this.connections;
    if (!isOpen && whenUnavailable === 'fail') {
      throw new PublishRefusedError("not published: there is no connection yet (whenUnavailable is 'fail')");
    }
    // With `maxWaiting: 0` the first publish may still wait for the channel, which is but a round trip.
    const most = isOpen ? MAX_WAITING : maxWaiting;
    if (this.waiting >= most || this.waitingBytes + bytes > maxWaitingBytes) {
      throw new PublishRefusedError(
        `not published: ${this.waiting} publishes wait already for the connection; await publishes before you send ` +
          'more, or raise maxWaiting and maxWaitingBytes',
      );
    }
    signal?.throwIfAborted();
    const limit = new AbortController();
    const late = new PublishTimeoutError('not published within the deadline: there is no connection yet', 'not-sent');
    const cancel = environment.clock.after(timeout, () => limit.abort(late));
    const onAbort = (): void => limit.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.waiting++;
    this.waitingBytes += bytes;
    try {
      return await untilAborted(this.openOnce(), limit.signal);
    } finally {
      this.waiting--;
      this.waitingBytes -= bytes;
      cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  private openOnce(): Promise<Channel> {
    if (this.opening) return this.opening;
    const opening = this.openChannel();
    const forget = (): void => {
      if (this.opening !== opening) return;
      this.opening = undefined;
      this.open = undefined;
    };
    void opening.then((channel) => {
      this.open = channel;
      void channel.closed.then(forget);
    }, forget);
    return (this.opening = opening);
  }

  private async openChannel(): Promise<Channel> {
    const { publishing } = await this.connections.open();
    const channel = await publishing.openChannel(channelOptions(this.options));
    try {
      await this.prepare(channel);
    } catch (error) {
      await channel.close();
      throw error;
    }
    return channel;
  }
}

/** The same under the client's names; what is not given has the client's defaults. */
function channelOptions(options: CheckedPublisherOptions): ChannelOptions {
  const named = {
    publishTimeout: options.timeout,
    maxUnconfirmed: options.maxInFlight,
    maxUnconfirmedBytes: options.maxInFlightBytes,
    maxWaiting: options.maxWaiting,
    maxWaitingBytes: options.maxWaitingBytes,
    whenUnavailable: options.whenUnavailable,
    republishUnconfirmed: options.republishUnconfirmed,
  };
  return { confirm: true, ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)) };
}
