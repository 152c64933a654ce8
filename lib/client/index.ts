/** The AMQP 0-9-1 client core: no Nest, no dependency. */
export { connect } from './connect.js';
export { Connection, type ConnectionEvents, type ConnectionState } from './connection.js';
export type { ConnectionOptions, ReconnectOptions, ClientLogger, Urls } from './options.js';
export { Channel, type BindOptions, type QueueDeclared } from './channel.js';
export type { ChannelEvents } from './channel-events.js';
export type { ChannelOptions } from './channel-options.js';
export type { PublishOptions } from './publish-options.js';
export type { CallOptions } from './rpc-queue.js';
export { Consumer, type ConsumeOptions, type DeliveryHandler } from './consumer.js';
export type { ConfirmMessage, ConnectMessage, DeliverMessage, PublishMessage, SettleMessage } from './diagnostics.js';
export { Delivery } from './delivery.js';
export type { ExchangeDeclareOptions, QueueDeclareOptions } from './topology-record.js';
export { amqplain, external, plain, type Credentials, type SaslMechanism } from './sasl.js';
export { parseUri, type Endpoint } from './uri.js';
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
export type { MessageProperties } from '../protocol/types.js';
