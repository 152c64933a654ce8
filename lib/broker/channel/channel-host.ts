import type { Random } from '../../environment/index.js';
import type { MethodArguments, MethodName } from '../../protocol/types.js';
import type { Message } from '../queue/message.js';
import type { BrokerFaults } from '../control/faults.js';
import type { Journal } from '../control/journal.js';
import type { ReplyTargets } from './reply-to.js';
import type { Transport } from '../connection/transport.js';
import type { Vhost } from '../routing/vhost.js';

/** The part of the connection and the broker that a channel and its parts use. */
export interface ChannelHost {
  /** The connection; exclusive queues belong to it. */
  readonly connection: object;
  /** The connection's number in the journal. */
  readonly connectionId: number;
  readonly channelId: number;
  readonly user: string;
  readonly vhost: Vhost;
  readonly transport: Transport;
  readonly journal: Journal;
  readonly faults: BrokerFaults;
  readonly random: Random;
  readonly replyTargets: ReplyTargets;
  /** The client has said that it understands basic.cancel from the broker. */
  readonly cancelNotify: boolean;
  /** Bytes; larger messages are refused. */
  readonly maxMessageSize: number;
  /** True if methods sent now reach the client: the connection has not ended, and no close of it is under way. */
  readonly isOpen: boolean;
  send<N extends MethodName>(name: N, args: MethodArguments<N>): void;
  /** A method with a message as it came. False when this connection's frames cannot hold it: that ends it, at once. */
  forward<N extends MethodName>(name: N, args: MethodArguments<N>, message: Pick<Message, 'encoded' | 'body'>): boolean;
  /** The broker takes no publishes now: the connection is held. */
  onPublish(): void;
}
