/**
 * An AMQP 0-9-1 client for RabbitMQ, without dependencies.
 *
 * ## Connections and channels
 *
 * A {@link Connection} is one socket to a broker. A {@link Channel} is a lightweight session on it; nearly all methods are
 * the channel's, and they have the names of the specification (`queueDeclare` is queue.declare). Open one channel for each
 * concern, since an error that the broker reports closes only the channel on which it occurred.
 *
 * ```ts
 * const connection = await connect('amqp://localhost', { connectionName: 'billing' });
 * const channel = await connection.openChannel({ confirm: true, prefetch: 50 });
 * ```
 *
 * The client restores both after a loss: it reconnects, opens the channels, declares again the exchanges, queues and
 * bindings that were declared on this connection, and registers the consumers. Each pending call rejects at once. `close()`
 * ends a connection or channel for good.
 *
 * ## Publishing
 *
 * With `confirm: true` a publish resolves when the broker has taken the message, and rejects with an error of its own:
 * {@link MessageReturnedError} when no queue is bound for it (with `mandatory`), {@link PublishNackedError} when the broker
 * could not take it, {@link PublishTimeoutError} after its deadline. `error.outcome` is `'not-sent'` when the broker certainly
 * does not have the message, and `'unknown'` when it may have it. The client sends a message twice only with
 * `republishUnconfirmed: true`.
 *
 * ```ts
 * await channel.publish('orders', 'order.created', body, { deliveryMode: 2, mandatory: true, timeout: 5_000 });
 * ```
 *
 * While the connection is lost or blocked, publishes wait in order, within their deadline and within `maxWaiting`.
 *
 * ## Consuming
 *
 * ```ts
 * const consumer = await channel.basicConsume('billing', async (delivery) => {
 *   await bill(delivery.json());
 *   delivery.ack();
 * });
 *
 * for await (const delivery of channel.consume('billing')) delivery.ack();
 * ```
 *
 * Each {@link Delivery} is settled once: `ack()`, `nack()` (back to its queue) or `reject()` (dead-lettered or dropped).
  * `prefetch` limits the unsettled deliveries, `concurrency` the handlers that run at once.
 *
 * ## Errors, deadlines, signals
 *
  * Every error is an {@link AmqpError}. The broker's errors have one class for each reply code, such as
 * {@link NotFoundError} (404). Every call takes `timeout` in ms and an AbortSignal as `signal`. `Connection.isRecoverable(error)`
 * says whether the same call may succeed later.
 *
 * @see docs/client.md in this package
  * @see https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf for sections 2 to 4
 * @see https://www.rabbitmq.com/resources/specs/amqp-xml-doc0-9-1.pdf for sections 1.1 to 1.9, the methods

 *
 * @packageDocumentation
 */
export { connect, createConnection } from './connection/connect.js';
export { Connection } from './connection/connection.js';
export type { ConnectionEvents, ConnectionState } from './connection/connection-events.js';
/** @internal For the first connection of the Nest layer, which waits for its broker at the pace of a reconnect. */
export { ReconnectPace } from './recovery/reconnect-pace.js';
export type { ClientLogger } from './link/client-logger.js';
export type { ConnectionOptions, HeartbeatOptions, ReconnectOptions, Urls } from './link/connection-options.js';
/** @internal For the microservice transport, whose clients connect long after they are made. */
export { checkConnectionOptions } from './link/connection-options.js';
/** @internal For the microservice transport, which takes the options of TLS among others. */
export { TLS_OPTIONS } from './link/tls-options.js';
export { Channel } from './channel/channel.js';
export type { QueueDeclared } from './channel/declarations.js';
export type {
  BindOptions,
  ExchangeDeclareOptions,
  ExchangeDeleteOptions,
  GetOptions,
  QosOptions,
  QueueDeclareOptions,
  QueueDeleteOptions,
  RecoverOptions,
} from './channel/method-options.js';
export type { ChannelEvents } from './channel/channel-events.js';
export type { ChannelOptions } from './channel/channel-options.js';
/** @internal For the Nest layer, whose publishes also wait outside of a channel. */
export { publishDefaults } from './channel/channel-options.js';
export type { BasicPublishOptions } from './publishing/publish-options.js';
/** @internal For the Nest layer, whose publishes resolve with receipts. */
export { OUTCOME, outcomeOf, type PublishOutcome } from './publishing/publish-outcome.js';
/** @internal For the Nest layer, whose options have names of their own. */
export { CHECKED_AT, isKeyList, isMilliseconds, MESSAGE_PROPERTIES } from './publishing/publish-options.js';
export type { CallOptions } from './link/pending-calls.js';
export { Consumer, type ConsumeOptions, type DeliveryHandler } from './consuming/consumer.js';
export type { ConfirmMessage, ConfirmTime, ConnectMessage, HeartbeatMessage, PublishMessage } from './diagnostics.js';
export type { BlockTrace, BrokerPeer, ConnectTrace, RestoreTrace } from './tracing.js';
export type { CopyOf, PublishTrace } from './publishing/publish-trace.js';
export type { Around, ProcessTrace } from './consuming/process-trace.js';
export type { ReceiveTrace } from './channel/receive-trace.js';
export type { ConnectionReport, ConsumerReport, Survey } from './survey.js';
/** @internal For the Nest layer, whose consumers answer surveys themselves. */
export { respondents, type Surveyed } from './survey.js';
/** @internal For the instrumentation, which tells its version. */
export { PRODUCT_VERSION } from '../protocol/product.js';
/** @internal For the Nest layer, which traces its own operations. */
export { begin, fail, succeed, tracesProcesses } from './tracing.js';
/** @internal For the Nest layer, whose retries are copies. */
export { COPY_OF } from './publishing/publish-trace.js';
/** @internal For the Nest layer, which registers one consumer after the other for the same handlers. */
export { HANDLER_SLOTS, HandlerSlots } from './consuming/handler-slots.js';
/** @internal For the Nest layer, whose handlers get several attempts, and batches. */
export { TracedProcess, TRACES_ITSELF } from './consuming/process-trace.js';
export { Delivery, type DeliverMessage, type SettleMessage, type SettleTrace } from './consuming/delivery.js';
export type { Credentials, CredentialsProvider, ExpiringCredentials } from './link/credentials.js';
export { amqplain, external, plain, type SaslMechanism } from './link/sasl.js';
export { parseUri, type Endpoint } from './link/uri.js';
export * from './errors.js';
export {
  Decimal,
  EncodedField,
  typed,
  TypedField,
  type FieldTable,
  type FieldValue,
  type TypedKind,
} from '../protocol/field-table.js';
export { DistantDate } from '../protocol/timestamp.js';
export type { MessageProperties, OutgoingProperties } from '../protocol/types.js';
