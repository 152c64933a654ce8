import type { MethodArguments, MethodName } from '../../protocol/types.js';
import type { Consumer } from '../consuming/consumer.js';
import { Settlements } from '../consuming/settlements.js';
import { ChannelClosedError, ConnectionLostError } from '../errors.js';
import type { ClientLogger } from '../link/client-logger.js';
import type { FrameReceiver, Link } from '../link/link.js';
import type { TopologyRecord } from './topology-record.js';

/** The state of the channel at the broker on one link, as far as this side knows, and all that is written to it. */
export class BrokerSide {
  /** `closing`: channel.close is under way. */
  state: 'open' | 'closing' | 'closed' = 'closed';
  /** The channel number, from 1; 0 until the channel was open once. */
  id = 0;
  private present: Link | undefined;
  /** True while the frames of the number are for this channel. */
  private attached = false;
  /** Consumers that have ended here and that the broker keeps until it closes the channel. */
  private readonly endings = new Set<Consumer>();
  /** Defined while settlements are held back. */
  private heldSettlements: (() => void)[] | undefined;

  constructor(
    private readonly receiver: FrameReceiver,
    private readonly topology: TopologyRecord,
    private readonly logger: ClientLogger,
  ) {}

  /** The link on which the channel was opened last. */
  get link(): Link | undefined {
    return this.present;
  }

  /** Called when the channel opens on this link. @returns the settlements of its new generation */
  attach(link: Link | undefined): Settlements {
    this.present = link;
    this.attached = true;
    this.heldSettlements = undefined;
    link?.register(this.id, this.receiver);
    return this.newSettlements();
  }

  /** Called when nothing that the broker sends concerns the channel any more. */
  detach(): void {
    // The number may be lent to another channel meanwhile.
    if (this.attached) this.present?.unregister(this.id);
    this.attached = false;
  }

  /**
   * Writes every method of the channel except publishes and settlements, which end before the channel closes. After
   * channel.close the broker accepts only close-ok, and before channel.open nothing: it would close the connection
   * (504).
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

  /** Answers the broker's channel.close, which is required in every state. */
  sendCloseOk(): void {
    this.present?.send(this.id, 'channel.closeOk', {});
  }

  closedError(what: string): ChannelClosedError {
    return new ChannelClosedError(
      `${what}: channel ${this.id} is closed; open another with connection.openChannel()`,
      'not-sent',
    );
  }

  /** Records a consumer that does not come back and that the broker keeps until it closes the channel. */
  endsWithChannel(consumer: Consumer): void {
    this.endings.add(consumer);
    if (this.state === 'closed') this.left();
  }

  /** Called when the broker has closed the channel or the connection is lost. Its consumers have ended, too. */
  left(): void {
    this.state = 'closed';
    for (const consumer of this.endings) this.topology.consumerEnded(consumer.queue, consumer);
    this.endings.clear();
  }

  /** Creates the settlements of one generation, which are written to its link only. */
  newSettlements(): Settlements {
    const { present: link, id } = this;
    const ack = (tag: number, multiple: boolean): void => link?.transport.writer.ack(id, tag, multiple);
    const nack = (tag: number, multiple: boolean, requeue: boolean): void =>
      link?.transport.writer.nack(id, tag, multiple, requeue);
    return new Settlements({
      ack: (tag, multiple) => {
        if (this.heldSettlements) this.heldSettlements.push(() => ack(tag, multiple));
        else ack(tag, multiple);
      },
      nack: (tag, multiple, requeue) => {
        if (this.heldSettlements) this.heldSettlements.push(() => nack(tag, multiple, requeue));
        else nack(tag, multiple, requeue);
      },
      atFlush: (flush) => link?.transport.atFlush(flush),
      logger: this.logger,
      peer: link?.peer,
    });
  }
  /** Holds settlements back until `releaseSettlements()`. Those of a generation that ends before are dropped. */
  holdSettlements(): void {
    this.heldSettlements = [];
  }

  releaseSettlements(): void {
    const held = this.heldSettlements ?? [];
    this.heldSettlements = undefined;
    for (const write of held) write();
  }
}
