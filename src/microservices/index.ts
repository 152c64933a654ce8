/** The microservice transport: servers and clients that replace `Transport.RMQ`. */
export { AMQP_TRANSPORT, AmqpServer } from './server/amqp.server.js';
export { AmqpClientProxy } from './client/amqp.client-proxy.js';
export type { AmqpTransportOptions } from './options/transport-options.js';
export type { TransportQueueOptions } from './options/queue-options.js';
export type { SocketOptions } from './options/socket-options.js';
export type { AmqpStatus, AmqpTransportEvents } from './transport-events.js';
export { AmqpRpcContext } from './server/amqp-rpc.context.js';
export { AmqpRecord, AmqpRecordBuilder, type AmqpRecordOptions } from './packets/amqp.record.js';
export { RequestTimeoutError } from './microservices.errors.js';
export { AmqpMicroservicesModule } from './amqp-microservices.module.js';
export { AmqpServersModule } from './amqp-servers.module.js';
export { AmqpService, type SharedTransportOptions } from './amqp.service.js';
export { EventFailedError, ReplyRefusedError, UnhandledPatternError } from './microservices.errors.js';
