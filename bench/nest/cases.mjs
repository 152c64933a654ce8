import { PATTERN, PAYLOAD } from './payload.mjs';

/*
 * The cases at Nest's level: 120 bytes of JSON. The limits hold against the peers in front of RabbitMQ, as in production; the
 * sink shows the client's share.
 */
const common = { size: 120, held: 'rabbitmq', atMost: { cpu: 1 / 3, rss: 1 } };
const module = { ...common, level: 'module', delivery: { text: JSON.stringify(PAYLOAD), properties: ofModule() } };
const transport = {
  ...common,
  level: 'transport',
  delivery: {
    text: JSON.stringify({ pattern: PATTERN, data: PAYLOAD }),
    properties: { headers: {}, deliveryMode: 2 },
  },
};

/** @type {readonly import('../cases.mjs').Case[]} */
export const nestCases = [
  { ...module, name: 'nest-publish', title: 'publish 120 B of JSON, confirmed', work: 'confirm', unconfirmed: 500 },
  {
    ...module,
    name: 'nest-consume',
    title: 'consume 120 B of JSON + ack, prefetch 200',
    work: 'deliver',
    prefetch: 200,
  },
  { ...transport, name: 'rmq-emit', title: 'emit an event of 120 B', work: 'confirm', unconfirmed: 500 },
  {
    ...transport,
    name: 'rmq-handle',
    title: 'handle an event of 120 B + ack, prefetch 200',
    work: 'deliver',
    prefetch: 200,
  },
  {
    ...transport,
    name: 'rmq-request',
    title: 'request-reply, both ends in one process',
    work: 'confirm',
    unconfirmed: 500,
    answered: true,
  },
];

function ofModule() {
  const messageId = 'b2a0c1de-1111-4222-8333-123456789abc';
  return { contentType: 'application/json', deliveryMode: 2, messageId };
}
