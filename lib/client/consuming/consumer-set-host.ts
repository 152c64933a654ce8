import type { Clock, Random } from '../../environment/index.js';
import type { AmqpError, ConsumerCancelledError } from '../errors.js';
import type { ClientLogger } from '../link/client-logger.js';
import type { PendingCalls } from '../link/pending-calls.js';
import type { Consumer } from './consumer.js';
import type { Delivery } from './delivery.js';

/** The events of a channel that concern its consumers. */
interface ConsumerEvents {
  consumerWaiting: [consumer: Consumer, error: AmqpError];
  consumerRestored: [consumer: Consumer];
  consumerCancelled: [error: ConsumerCancelledError];
  handlerError: [error: unknown, delivery: Delivery];
}

/** The channel, as its consumers see it. */
export interface ConsumingChannel {
  readonly id: number;
  readonly rpc: Pick<PendingCalls, 'call' | 'unanswered'>;
  readonly topology: ConsumedQueues;
  readonly prefetches: {
    /** The broker gives it to a consumer without a prefetch of its own; 0 for no limit. */
    readonly ofConsumers: number;
    /** The same, with what is asked for by calls that wait until the channel is open. */
    readonly ofNewConsumers: number;
  };
  /** Of the connection, in seconds; 0 for none. */
  readonly heartbeat: number;
  report<K extends keyof ConsumerEvents>(event: K, ...args: ConsumerEvents[K]): void;
  /** The consumer does not come back. The broker has it until it closes the channel. */
  endsWithChannel(consumer: Consumer): void;
}

/** The connection, as consumers see it. */
export interface ConsumingConnection {
  readonly options: { readonly clock: Clock; readonly random: Random; readonly logger: ClientLogger };
  /** The broker's reason, while it has blocked the connection: it answers nothing then. */
  readonly blocked: string | undefined;
  /** Makes sure that the queue is there; on a channel of its own, which an error takes along. @returns its consumers @throws ChannelError */
  restoreQueue(queue: string): Promise<number>;
}

/** The record of what was declared, as consumers see it. */
interface ConsumedQueues {
  /** Returns the name that the queue has at the broker now. */
  resolve(queue: string): string;
  /** The queue is on record: it can be declared again. */
  hasQueue(queue: string): boolean;
  /** Resolves to true if a queue.delete of this connection that is under way succeeds. Undefined when none is. */
  deletionOf(queue: string): Promise<boolean> | undefined;
  /** The broker has it registered. */
  consumerStarted(queue: string, consumer: Consumer): void;
  /** It does not come back, and the broker does not have it. */
  consumerEnded(queue: string, consumer: Consumer): void;
}
