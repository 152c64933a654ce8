export { AmqpModule } from './module/amqp.module.js';
export type { AmqpModuleOptions, AmqpOptionsFactory, ConnectionNameOptions } from './registry/amqp-module.options.js';
export { getModuleOptionsToken } from './connection/amqp.tokens.js';
export type { ConsumerCancelledEvent } from './connection/connection-events.js';
export type { AmqpConnectionState } from './connection/connection-status.js';
export { AmqpStartupError } from './connection/startup.errors.js';

export { AmqpConsumer } from './consumers/decorators/amqp-consumer.decorator.js';
export { AmqpEvent, type EventDecorator, type EventOptions } from './consumers/decorators/amqp-event.decorator.js';
export { AmqpRpc } from './consumers/decorators/amqp-rpc.decorator.js';
export type { RpcOptions } from './consumers/options/rpc-options.js';
export {
  AmqpRequest,
  type RequestDecorator,
  type RequestHandlerOptions,
} from './consumers/decorators/amqp-request.decorator.js';
export { AmqpBatchConsumer } from './consumers/decorators/amqp-batch-consumer.decorator.js';
export type { BatchOptions } from './consumers/options/batch-options.js';
export { AmqpBatchContext, AmqpBatchItem } from './consumers/sinks/batch/batch-item.js';
export type { StreamOffset, StreamOffsetStore, TrackOffsetOptions } from './consumers/stream/stream-options.js';
export {
  AmqpHeader,
  AmqpProperty,
  Ctx,
  Payload,
  type PayloadOptions,
} from './consumers/decorators/param.decorators.js';
export { OnConsumerCancelled, OnReturn } from './consumers/decorators/listener.decorators.js';
export { AmqpContext } from './settlement/amqp-context.js';
export type { ConsumerOptions } from './consumers/options/consumer-options.js';
export type { SelectionOptions } from './consumers/options/selection-options.js';
export type { OptionsFactory, OptionsSource } from './consumers/options/options-source.js';
export type { QueueFactory, QueueSource } from './consumers/options/queue-source.js';
export type { ConsumerLimits } from './consumers/lifecycle/consumer-limits.js';
export { AmqpConsumerRegistry, type ConsumerSelector } from './consumers/lifecycle/consumer.registry.js';
export { AmqpConsumerHandle } from './consumers/lifecycle/consumer-handle.js';
export type { AddedConsumerOptions, AddedHandler } from './consumers/options/added-options.js';
export type { ConsumerState, ConsumerStatus } from './consumers/lifecycle/consumer-status.js';
export type { ConsumerFailure } from './settlement/consumer-failure.js';
export {
  DeliveryLimitError,
  HandlerTimeoutError,
  MessageTooLargeError,
  RejectMessage,
  RequeueMessage,
  RetryMessage,
  StaleDeliveryError,
} from './settlement/settlement.errors.js';
export type { HandlerTime, SlowHandlers } from './settlement/handlings.js';
export {
  ParkingLot,
  type ListOptions,
  type ParkingOptions,
  type RedriveOptions,
  type RedriveProgress,
  type RedriveResult,
} from './settlement/parking/parking-lot.js';
export type { ParkedMessage } from './settlement/parking/parked-message.js';
export type { ParkedEdit } from './settlement/parking/parked-edit.js';
export { RedriveError } from './settlement/parking/parking.errors.js';
export { exponential, fixed, type Backoff, type ExponentialOptions } from './settlement/retry/backoff.js';
export type { BrokerWaitOptions } from './connection/broker-deadline.js';
export type { Duration } from './common/duration.js';
export type { FailureRecord } from './settlement/retry/failure-record.js';
export { MissingQueueError } from './settlement/retry/retry.errors.js';
export type { RetryEnd, RetryOptions } from './settlement/retry/retry-options.js';
export {
  ConsumerStartError,
  InvalidConsumerError,
  NoHandlerError,
  UnknownConsumerError,
} from './consumers/consumer.errors.js';

export type { RequestTrace } from './rpc/request-trace.js';
export { ConfirmingPublisher } from './publishers/confirming.publisher.js';
export {
  getConfirmingPublisherToken,
  getPublisherToken,
  InjectConfirmingPublisher,
  InjectPublisher,
} from './publishers/publisher.tokens.js';
export { ExchangePublisher } from './publishers/exchange.publisher.js';
export type { PublisherDefinition, PublisherOptions } from './publishers/publisher-options.js';
export type { ByteSize } from './common/byte-size.js';
export type { Compress, CompressOptions } from './serialization/compression.js';
export type { ContentEncoding } from './serialization/content-encoding.js';
export type { PublishOptions } from './publishers/publish-options.js';
export type { DelayOptions } from './delay/delay-time.js';
export type { PublishReceipt } from './connection/publish-receipt.js';

export type { RequestOptions } from './publishers/request-options.js';
export type { RpcErrorMapper, RpcErrorReply, RpcErrors } from './rpc/told-error.js';
export { RpcRemoteErrorFilter } from './rpc/rpc-remote-error.filter.js';
export { RpcRemoteError, RpcTimeoutError } from './rpc/rpc.errors.js';

export { defineEvents, EventContract } from './contracts/event-contract.js';
export { defineRpc, RpcContract } from './contracts/rpc-contract.js';
export type { ContractOptions, EventContractOptions } from './contracts/contract-options.js';
export type {
  AnsweredOf,
  Call,
  ContractSchema,
  EventSchemas,
  EventsOf,
  HandledOf,
  InputOf,
  OutputOf,
  PayloadClass,
  ReplyIn,
  RequestIn,
  RequestsOf,
  RpcSchema,
  RpcSchemas,
} from './contracts/contract-types.js';
export { ContractError, type ContractIssue, type ContractPart } from './contracts/contract.errors.js';
export type { SchemaIssue, SchemaResult, StandardSchema } from './contracts/standard-schema.js';

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
export {
  AmqpTopology,
  type TopologyAdditions,
  type TopologyNames,
  type TopologyTarget,
} from './registry/amqp-topology.js';
export { TopologyError, TopologyMismatchError } from './topology/topology.errors.js';

export {
  AccessRefusedError,
  AlreadySettledError,
  AmqpError,
  ChannelClosedError,
  ChannelError,
  ConfigurationError,
  ConnectionClosedError,
  ConnectionError,
  ConnectionLostError,
  EncodingError,
  MessageReturnedError,
  NotFoundError,
  PreconditionFailedError,
  PublishNackedError,
  PublishRefusedError,
  PublishTimeoutError,
  TimeoutError,
  type Outcome,
  type ReturnedMessage,
} from '../lib/client/index.js';

export type { ContentType } from './serialization/content-type.js';
export type { MessageSerializer } from './serialization/message-serializer.js';
export { SerializationError, UndecodableMessageError } from './serialization/serialization.errors.js';

export {
  AmqpHealthIndicator,
  type AmqpHealth,
  type ConnectionHealth,
  type ConsumerHealth,
  type StuckMessages,
} from './health/amqp-health.indicator.js';
