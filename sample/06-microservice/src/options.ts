import type { AmqpTransportOptions } from 'nest-amqp/microservices';

/** The broker of all three parts. */
export const url = process.env['AMQP_URL'] ?? '';

/** The options that servers and clients of the stock service share. */
export const STOCK = { urls: [url], queue: 'sample-06.stock' } satisfies AmqpTransportOptions;
export const ORDERS = { urls: [url], queue: 'sample-06.orders' } satisfies AmqpTransportOptions;

/** The exchange of the events: each event goes to every service with a handler for its pattern. */
export const EVENTS = { exchange: 'sample-06.events', wildcards: true } satisfies AmqpTransportOptions;
