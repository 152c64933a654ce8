/** The microservice transport: in place of `Transport.RMQ`, on either side. */
export { AMQP_TRANSPORT, AmqpServer } from './amqp.server.js';
export { AmqpClientProxy } from './amqp.client-proxy.js';
export type { AmqpTransportOptions } from './transport-options.js';
export type { QueueOptions } from './queue-options.js';
export type { SocketOptions } from './socket-options.js';
export type { AmqpStatus, AmqpTransportEvents } from './transport-events.js';
export { AmqpRpcContext } from './amqp-rpc.context.js';
export { AmqpRecord, AmqpRecordBuilder, type AmqpRecordOptions } from './amqp.record.js';
export { RequestTimeoutError } from './microservices.errors.js';
export { AmqpMicroservicesModule } from './amqp-microservices.module.js';
export { AmqpService, type SharedTransportOptions } from './amqp.service.js';
export { EventFailedError, UnhandledPatternError } from './microservices.errors.js';
