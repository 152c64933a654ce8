import type { BasicPublishOptions, Channel, ChannelOptions } from '../../lib/client/index.js';
import type { AmqpConnections } from '../connection/amqp-connections.js';
import type { CheckedPublisherOptions } from './publisher-options.js';

/**
 * A channel to publish on, made with the first publish. It outlives errors and reconnects; should it close for good, or not
 * open, the next publish makes another. What is published waits in it until the connections are ready, and until an exchange
 * that is new to it was found: a publish to one that is missing would close the channel, and leave the publishes before it
 * without an answer.
 */
export class PublisherChannel {
  private channel: Channel | undefined;

  /** @param prepare is told of each channel before anything is published on it */
  constructor(
    private readonly connections: Pick<AmqpConnections, 'channel'>,
    private readonly options: CheckedPublisherOptions,
    private readonly prepare: (channel: Channel) => void = () => {},
  ) {}

  /** Makes the channel, if need be, and waits until it is open. @throws what has closed it */
  async open(): Promise<void> {
    await (this.channel ?? this.make()).whenOpen({ timeout: Infinity });
  }

  /** Resolves with the delivery tag on the broker's ack. @throws see {@link ConfirmingPublisher.publish} */
  publish(exchange: string, routingKey: string, body: Uint8Array, options: BasicPublishOptions): Promise<number> {
    return (this.channel ?? this.make()).publish(exchange, routingKey, body, options);
  }

  /** Waits for the confirms that are due. */
  async close(): Promise<void> {
    await this.channel?.close();
  }

  private make(): Channel {
    const channel = this.connections.channel(channelOptions(this.options));
    this.channel = channel;
    void channel.closed.then(() => {
      if (this.channel === channel) this.channel = undefined;
    });
    this.prepare(channel);
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
  const given = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
  return { ...given, confirm: true, findExchanges: true };
}
