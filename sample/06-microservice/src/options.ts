import type { AmqpTransportOptions } from 'nest-amqp/microservices';

/** Ends the process if the URL is missing. */
function brokerUrl(): string {
  const given = process.env['AMQP_URL'];
  if (given) return given;
  console.error('AMQP_URL is not set. Set it to your broker, amqp://localhost for one.');
  process.exit(1);
}

/** The broker of all three parts. */
export const url = brokerUrl();

/** The options that servers and clients of the stock service share. */
export const STOCK = { urls: [url], queue: 'sample-06.stock' } satisfies AmqpTransportOptions;
export const ORDERS = { urls: [url], queue: 'sample-06.orders' } satisfies AmqpTransportOptions;

/** The exchange of the events: each event goes to every service with a handler for its pattern. */
export const EVENTS = { exchange: 'sample-06.events', wildcards: true } satisfies AmqpTransportOptions;
