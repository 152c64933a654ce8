import type { Consumer } from '../consuming/consumer.js';
import { ConsumerSet } from '../consuming/consumer-set.js';
import type { PendingCalls } from '../link/pending-calls.js';
import type { Report } from '../safe-emitter.js';
import type { ChannelEvents } from './channel-events.js';
import type { ChannelHost } from './channel-host.js';
import type { Prefetches } from './prefetches.js';
import type { TopologyRecord } from './topology-record.js';

/** The channel, as its consumers need it. */
export interface ConsumingChannel {
  readonly id: number;
  readonly rpc: PendingCalls;
  readonly topology: TopologyRecord;
  readonly prefetches: Prefetches;
  readonly report: Report<ChannelEvents>;
  /** Of the connection, in seconds; 0 for none. */
  readonly heartbeat: number;
  /** The consumer does not come back. The broker has it until it closes the channel. */
  endsWithChannel(consumer: Consumer): void;
}

/** Makes the consumers of a channel. */
export function consumersOf(channel: ConsumingChannel, host: ChannelHost): ConsumerSet {
  const { rpc, topology, report } = channel;
  const { clock, random, logger } = host.options;
  return new ConsumerSet({
    call: (name, args, options, onReply) => rpc.call(name, args, options, onReply),
    resolveQueue: (queue) => topology.resolve(queue),
    declaredHere: (queue) => topology.hasQueue(queue),
    deletionOf: (queue) => topology.deletionOf(queue),
    started: (consumer) => topology.consumerStarted(consumer.queue, consumer),
    ended: (consumer) => topology.consumerEnded(consumer.queue, consumer),
    endsWithChannel: (consumer) => channel.endsWithChannel(consumer),
    restoreQueue: (queue) => host.restoreQueue(queue),
    defaultPrefetch: () => channel.prefetches.ofConsumers,
    clock,
    random,
    heartbeat: () => channel.heartbeat,
    blocked: () => host.blocked,
    onConsumerWaiting: (consumer, error) => report('consumerWaiting', consumer, error),
    onConsumerRestored: (consumer) => report('consumerRestored', consumer),
    onConsumerCancelled: (error) => report('consumerCancelled', error),
    onHandlerError: (error, delivery) => report('handlerError', error, delivery),
    warn: (message) => logger.warn(`channel ${channel.id}: ${message}`),
  });
}
