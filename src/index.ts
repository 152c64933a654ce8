export { AmqpModule } from './module/amqp.module.js';
export type { AmqpModuleOptions, AmqpOptionsFactory, ConnectionNameOptions } from './module/amqp-module.options.js';
export { getModuleOptionsToken } from './module/amqp.tokens.js';
export type { ConsumerCancelledEvent } from './module/connection-events.js';
export type { ConnectionState } from './module/connection-status.js';
export { AmqpStartupError } from './module/startup.error.js';

export { AmqpConsumer } from './consumers/amqp-consumer.decorator.js';
export { AmqpRpc, type RpcOptions } from './consumers/amqp-rpc.decorator.js';
export { AmqpBatchConsumer } from './consumers/amqp-batch-consumer.decorator.js';
export type { BatchOptions } from './consumers/batch/batch-options.js';
export { AmqpBatchContext, AmqpBatchItem } from './consumers/batch/batch-item.js';
export type { StreamOffset, StreamOffsetStore, TrackOffsetOptions } from './consumers/stream/stream-options.js';
export { AmqpHeader, AmqpProperty, Ctx, Payload, type PayloadOptions } from './consumers/param.decorators.js';
export { OnConsumerCancelled, OnReturn } from './consumers/listener.decorators.js';
export { AmqpContext } from './consumers/amqp-context.js';
export type { ConsumerOptions } from './consumers/consumer-options.js';
export type { QueueFactory, QueueSource } from './consumers/queue-source.js';
export { AmqpConsumerRegistry, type ConsumerSelector } from './consumers/consumer.registry.js';
export type { ConsumerState, ConsumerStatus } from './consumers/consumer-status.js';
export type { ConsumerFailure } from './consumers/settlement/consumer-failure.js';
export { RejectMessage, RequeueMessage, RetryMessage } from './consumers/settlement/settlement.errors.js';
export {
  ParkingLot,
  type ListOptions,
  type ParkingOptions,
  type RedriveOptions,
  type RedriveResult,
} from './consumers/parking/parking-lot.js';
export type { ParkedMessage } from './consumers/parking/parked-message.js';
export { RedriveError } from './consumers/parking/parking.errors.js';
export { exponential, fixed, type Backoff, type ExponentialOptions } from './consumers/retry/backoff.js';
export type { Duration } from './consumers/retry/duration.js';
export type { FailureRecord } from './consumers/retry/failure-record.js';
export { MissingQueueError } from './consumers/retry/retry.errors.js';
export type { RetryEnd, RetryOptions } from './consumers/retry/retry-options.js';
export { ConsumerStartError, InvalidConsumerError, UnknownConsumerError } from './consumers/consumer.errors.js';

export { ConfirmingPublisher } from './publishers/confirming.publisher.js';
export {
  getConfirmingPublisherToken,
  getPublisherToken,
  InjectConfirmingPublisher,
  InjectPublisher,
} from './publishers/publisher.tokens.js';
export { ExchangePublisher } from './publishers/exchange.publisher.js';
export type { PublisherDefinition, PublisherOptions } from './publishers/publisher-options.js';
export type { PublishOptions } from './publishers/publish-options.js';
export type { PublishReceipt } from './publishers/publish-receipt.js';

export type { RequestOptions } from './rpc/request-options.js';
export { RpcRemoteError, RpcTimeoutError } from './rpc/rpc.errors.js';

export { bindExchange, bindQueue, type BindingDefinition, type BindingOptions } from './topology/bindings.js';
export {
  directExchange,
  exchange,
  fanoutExchange,
  headersExchange,
  topicExchange,
  type ExchangeDefinition,
  type ExchangeOptions,
} from './topology/exchanges.js';
export {
  classicQueue,
  quorumQueue,
  serverNamedQueue,
  streamQueue,
  type ClassicQueueOptions,
  type QueueDefinition,
  type QueueOptions,
  type QuorumQueueOptions,
  type ServerNamedQueueOptions,
  type StreamQueueOptions,
} from './topology/queues.js';
export type { TopologyOptions } from './topology/topology.js';
export { TopologyError, TopologyMismatchError } from './topology/topology.error.js';

export type { ContentType } from './serialization/content-type.js';
export type { MessageSerializer } from './serialization/message-serializer.js';
export { SerializationError, UndecodableMessageError } from './serialization/serialization.errors.js';

export {
  AmqpHealthIndicator,
  type AmqpHealth,
  type ConnectionHealth,
  type ConsumerHealth,
} from './health/amqp-health.indicator.js';
