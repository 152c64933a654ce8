import type { MethodArguments, MethodName } from '../../protocol/types.js';
import type { Consumer } from '../consuming/consumer.js';
import { Settlements } from '../consuming/settlements.js';
import { ChannelClosedError, ConnectionLostError } from '../errors.js';
import type { ClientLogger } from '../link/client-logger.js';
import type { FrameReceiver, Link } from '../link/link.js';
import type { TopologyRecord } from './topology-record.js';

/** The channel as the broker has it, on one link and as far as this side knows; and what is written to it. */
export class BrokerSide {
  /** `closing`: channel.close is under way. */
  state: 'open' | 'closing' | 'closed' = 'closed';
  /** The channel number, from 1; 0 as long as it was never open. */
  id = 0;
  private present: Link | undefined;
  /** Consumers that have ended here, and that the broker has until it closes the channel. */
  private readonly endings = new Set<Consumer>();

  constructor(
    private readonly receiver: FrameReceiver,
    private readonly topology: TopologyRecord,
    private readonly logger: ClientLogger,
  ) {}

  /** The one that the channel was opened on last. */
  get link(): Link | undefined {
    return this.present;
  }

  /** The channel opens on this link. @returns the settlements of its new generation */
  attach(link: Link | undefined): Settlements {
    this.present = link;
    link?.register(this.id, this.receiver);
    return this.newSettlements();
  }

  /** Nothing that the broker sends concerns the channel any more. */
  detach(): void {
    this.present?.unregister(this.id);
  }

  /**
   * Every method that a channel writes, but for publishes and settlements, which end before it closes. Behind
   * channel.close the broker takes nothing but close-ok, and before channel.open nothing at all: it would close the
   * connection (504).
   */
  send<N extends MethodName>(name: N, args: MethodArguments<N>): void {
    const { present: link, state: before } = this;
    if (!link?.alive) throw new ConnectionLostError(`${name}: the connection is lost`, 'not-sent', { method: name });
    if (before !== (name === 'channel.open' ? 'closed' : 'open')) throw this.closedError(name);
    if (name === 'channel.open') this.state = 'open';
    if (name === 'channel.close') this.state = 'closing';
    try {
      link.send(this.id, name, args);
    } catch (error) {
      this.state = before;
      throw error;
    }
  }

  /** The answer to channel.close of the broker's, which is due in every state. */
  sendCloseOk(): void {
    this.present?.send(this.id, 'channel.closeOk', {});
  }

  closedError(what: string): ChannelClosedError {
    return new ChannelClosedError(
      `${what}: channel ${this.id} is closed; open another with connection.openChannel()`,
      'not-sent',
    );
  }

  /** The consumer does not come back. The broker has it until it closes the channel. */
  endsWithChannel(consumer: Consumer): void {
    this.endings.add(consumer);
    if (this.state === 'closed') this.left();
  }

  /** The broker has closed it, or the connection is lost: so have its consumers. */
  left(): void {
    this.state = 'closed';
    for (const consumer of this.endings) this.topology.consumerEnded(consumer.queue, consumer);
    this.endings.clear();
  }

  /** The deliveries of one generation, which are settled on its link alone. */
  newSettlements(): Settlements {
    const { present: link, id } = this;
    return new Settlements({
      ack: (deliveryTag, multiple) => link?.transport.writer.ack(id, deliveryTag, multiple),
      nack: (deliveryTag, multiple, requeue) => link?.transport.writer.nack(id, deliveryTag, multiple, requeue),
      atFlush: (flush) => link?.transport.atFlush(flush),
      logger: this.logger,
      peer: link?.peer,
    });
  }
}
