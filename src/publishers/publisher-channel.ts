import {
  OUTCOME,
  type BasicPublishOptions,
  type Channel,
  type ChannelOptions,
  type PublishOutcome,
} from '../../lib/client/index.js';
import { UntilClosed } from '../common/until-closed.js';
import type { AmqpConnections } from '../connection/amqp-connections.js';
import type { CheckedPublisherOptions } from './publisher-options.js';

/**
 * A channel to publish on, opened with the first publish. It survives errors and reconnects. If it closes for good or
 * does not open, the next publish opens another one. Publishes wait until the connections are ready, and until an
 * exchange that is new to the channel was found: a publish to a missing exchange would close the channel and leave
 * earlier publishes without an answer.
 */
export class PublisherChannel {
  private readonly channel = new UntilClosed<Channel>();

  /** @param prepare called with each channel before the first publish on it */
  constructor(
    private readonly connections: Pick<AmqpConnections, 'channel'>,
    private readonly options: CheckedPublisherOptions,
    private readonly prepare: (channel: Channel) => void = () => {},
  ) {}

  /** Opens the channel if necessary, and waits until it is open. @throws the error that closed it */
  async open(): Promise<void> {
    await (this.channel.value ?? this.make()).whenOpen({ timeout: Infinity });
  }

  /** Resolves with the delivery tag on the broker's ack. @throws see {@link ConfirmingPublisher.publish} */
  publish(exchange: string, routingKey: string, body: Uint8Array, options: BasicPublishOptions): Promise<number> {
    return (this.channel.value ?? this.make()).publish(exchange, routingKey, body, options);
  }

  /** Publishes, and resolves with what `outcome` makes of the delivery tag. The options are its own. */
  publishFor<Receipt>(
    outcome: PublishOutcome & { confirmed(deliveryTag: number): Receipt },
    exchange: string,
    routingKey: string,
    body: Uint8Array,
    options: BasicPublishOptions & { [OUTCOME]?: PublishOutcome },
  ): Promise<Receipt> {
    options[OUTCOME] = outcome;
    return this.publish(exchange, routingKey, body, options) as Promise<unknown> as Promise<Receipt>;
  }

  /** Waits for outstanding confirms. */
  async close(): Promise<void> {
    await this.channel.value?.close();
  }

  private make(): Channel {
    const channel = this.channel.use(this.connections.channel(channelOptions(this.options)));
    this.prepare(channel);
    return channel;
  }
}

/** Converts the options to the client's names. Missing options have the client's defaults. */
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
