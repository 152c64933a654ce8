import type { Link } from '../link/link.js';
import type { BrokerPeer } from '../tracing.js';
import type { QueueNames } from '../queue-names.js';
import type { Message } from './publish.js';

export type ChannelState = 'opening' | 'open' | 'renewing' | 'restoring' | 'closing' | 'closed';

/**
 * The reason why a publish cannot be sent now. `unavailable`: for an unknown time. `busy`: until the broker has confirmed
 * earlier publishes. `soon`: for one round trip, which does not count as a wait for `maxWaiting`.
 */
export interface Obstacle {
  readonly kind: 'unavailable' | 'busy' | 'soon';
  readonly reason: string;
}

export const BEHIND_OTHERS: Obstacle = { kind: 'busy', reason: 'others wait before it' };
/** They wait for one round trip. */
export const SOON_BEHIND_OTHERS: Obstacle = { ...BEHIND_OTHERS, kind: 'soon' };

/**
 * The path of a channel's publishes to the socket. The channel opens and closes it, and its publisher checks it before
 * each publish.
 */
export class Gate {
  /** Publishes pass while it is `open`. */
  state: ChannelState = 'opening';
  /** True while the broker has paused the channel (channel.flow). */
  paused = false;
  /** tx.commit is unanswered: RabbitMQ takes nothing else on the channel meanwhile. */
  committing = false;
  private link: Link | undefined;
  private channel = 0;

  /**
   * @param confirming true if publisher confirms are on
   * @param names the names of server-named queues
   * @param writeBufferSize maximum bytes that wait for the socket
   * @param trouble returns the error because of which the connection is not open
   */
  constructor(
    public confirming: boolean,
    private readonly names: Pick<QueueNames, 'resolve'>,
    private readonly writeBufferSize: number,
    private readonly trouble: () => Error | undefined,
  ) {}

  /** Opens the gate on this link, with this channel number. */
  lead(link: Link | undefined, channel: number): void {
    this.link = link;
    this.channel = channel;
    this.paused = false;
    this.committing = false;
  }

  get peer(): BrokerPeer | undefined {
    return this.link?.peer;
  }

  /** Returns the obstacle to a publish; undefined if it can be sent now. */
  obstacle(): Obstacle | undefined {
    const { link, state, channel } = this;
    const blocked = link?.blocked;
    if (state !== 'open' || !link) {
      const soon = state === 'opening' && link?.alive === true && blocked === undefined;
      const trouble = this.trouble();
      const reason = trouble ? `the connection is not open: ${trouble.message}` : `channel ${channel} is ${state}`;
      return { kind: soon ? 'soon' : 'unavailable', reason };
    }
    if (blocked !== undefined)
      return { kind: 'unavailable', reason: `the broker has blocked the connection: ${blocked}` };
    if (this.paused) return { kind: 'unavailable', reason: 'the broker has paused the channel (channel.flow)' };
    if (this.committing) return { kind: 'soon', reason: 'the broker commits a transaction of the channel' };
    const { transport } = link;
    if (transport.hasRoom(this.writeBufferSize)) return undefined;
    return { kind: 'busy', reason: `${transport.bufferedBytes} bytes wait for the socket` };
  }

  /** Appends a publish whole. @throws EncodingError before anything is appended */
  write(message: Message): void {
    const { exchange, routingKey } = message;
    const key = exchange === '' ? this.names.resolve(routingKey) : routingKey;
    // Before the write, since a custom socket may deliver a return from within it.
    if (key !== (message.writtenKey ?? routingKey)) message.writtenKey = key;
    this.link?.transport.writer.publish(this.channel, message, key);
  }

  /** Resolves when the socket has all written bytes, so that no body is in use any more. */
  whenWritten(): Promise<void> {
    return this.link?.transport.whenWritten() ?? Promise.resolve();
  }
}
