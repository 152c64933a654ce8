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
  /** True if the client understands basic.cancel from the broker. */
  readonly cancelNotify: boolean;
  /** Bytes; larger messages are refused. */
  readonly maxMessageSize: number;
  /** True if methods sent now reach the client: the connection has not ended, and no close of it is under way. */
  readonly isOpen: boolean;
  send<N extends MethodName>(name: N, args: MethodArguments<N>): void;
  /**
   * Sends a method with a message as it was received. Returns false if the connection's frames cannot hold it; the
   * connection ends then.
   */
  forward<N extends MethodName>(name: N, args: MethodArguments<N>, message: Pick<Message, 'encoded' | 'body'>): boolean;
  /** A publish has come. While the broker accepts none, its connection is not read any more. */
  onPublish(): void;
}
