/** The AMQP 0-9-1 client core: no Nest, no dependency. */
export { connect } from './connection/connect.js';
export { Connection, type ConnectionEvents, type ConnectionState } from './connection/connection.js';
export type { ClientLogger } from './link/client-logger.js';
export type { ConnectionOptions, ReconnectOptions, Urls } from './link/connection-options.js';
export { Channel, type BindOptions, type QueueDeclared } from './channel/channel.js';
export type { ChannelEvents } from './channel/channel-events.js';
export type { ChannelOptions } from './channel/channel-options.js';
export type { PublishOptions } from './publishing/publish-options.js';
export type { CallOptions } from './link/pending-calls.js';
export { Consumer, type ConsumeOptions, type DeliveryHandler } from './consuming/consumer.js';
export type { ConfirmMessage, ConnectMessage, PublishMessage } from './diagnostics.js';
export { Delivery, type DeliverMessage, type SettleMessage } from './consuming/delivery.js';
export type { ExchangeDeclareOptions, QueueDeclareOptions } from './channel/topology-record.js';
export { amqplain, external, plain, type Credentials, type SaslMechanism } from './link/sasl.js';
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
export type { MessageProperties } from '../protocol/types.js';
