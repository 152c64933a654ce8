import type { AmqpTransportOptions } from 'nest-amqp/microservices';

/** The broker of all three. */
export const url = process.env['AMQP_URL'] ?? '';

/** What servers and clients of a service have in common. */
export const STOCK = { urls: [url], queue: 'sample-06.stock' } satisfies AmqpTransportOptions;
export const ORDERS = { urls: [url], queue: 'sample-06.orders' } satisfies AmqpTransportOptions;

/** Where the events are: each goes to whoever has a handler for its pattern. */
export const EVENTS = { exchange: 'sample-06.events', wildcards: true } satisfies AmqpTransportOptions;
