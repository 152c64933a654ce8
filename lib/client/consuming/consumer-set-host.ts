import type { MethodArguments, SynchronousMethod } from '../../protocol/types.js';
import type { Clock, Random } from '../../environment/index.js';
import type { AmqpError, ConsumerCancelledError } from '../errors.js';
import type { CallOptions, Reply } from '../link/pending-calls.js';
import type { Consumer } from './consumer.js';
import type { Delivery } from './delivery.js';

/** The part of a channel that its consumers use. */
export interface ConsumerSetHost {
  call<N extends SynchronousMethod>(
    name: N,
    args: MethodArguments<N>,
    options?: CallOptions,
    onReply?: (reply: Reply<N>) => Reply<N>,
  ): Promise<Reply<N>>;
  /** Returns the name that the queue has at the broker now. */
  resolveQueue(queue: string): string;
  /** The queue is on record: it can be declared again. */
  declaredHere(queue: string): boolean;
  /** Resolves to true if a queue.delete of this connection that is under way succeeds. Undefined when none is. */
  deletionOf(queue: string): Promise<boolean> | undefined;
  /** The broker has it registered. */
  started(consumer: Consumer): void;
  /** It does not come back, and the broker does not have it. */
  ended(consumer: Consumer): void;
  /** It does not come back. The broker has it until it closes the channel. */
  endsWithChannel(consumer: Consumer): void;
  /** Makes sure that the queue is there; on a channel of its own, which an error takes along. @returns its consumers @throws ChannelError */
  restoreQueue(queue: string): Promise<number>;
  readonly clock: Clock;
  readonly random: Random;
  /** Of the connection, in seconds; 0 for none. */
  heartbeat(): number;
  /** The broker's reason, while it has blocked the connection: it answers nothing then. */
  blocked(): string | undefined;
  /** The channel's prefetch for consumers without their own. */
  defaultPrefetch(): number;
  /** A consumer cannot be registered for now, and is tried again. */
  onConsumerWaiting(consumer: Consumer, error: AmqpError): void;
  /** It is registered after all. */
  onConsumerRestored(consumer: Consumer): void;
  /** A consumer was cancelled by the broker, and could not be restored. */
  onConsumerCancelled(error: ConsumerCancelledError): void;
  /** A delivery handler threw, or rejected; the delivery is left unsettled. */
  onHandlerError(error: unknown, delivery: Delivery): void;
  warn(message: string): void;
}
