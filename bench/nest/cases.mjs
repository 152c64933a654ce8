import { PATTERN, PAYLOAD } from './payload.mjs';

/*
 * The cases at Nest's level: 120 bytes of JSON. The sink shows the client's share; RabbitMQ is what an application uses.
 *
 * Guarantees: every publish, event, reply and request is confirmed by the broker, and every delivery is acknowledged after its
 * handler, with all clients. Ours also asks the broker to return messages that reach no queue, and sends a message id; the
 * peers do neither by default, and they offer no promise that tells of a returned message.
 */
const module = { size: 120, level: 'module', delivery: { text: JSON.stringify(PAYLOAD), properties: ofModule() } };
const transport = {
  size: 120,
  level: 'transport',
  delivery: {
    text: JSON.stringify({ pattern: PATTERN, data: PAYLOAD }),
    properties: { headers: {}, deliveryMode: 2 },
  },
};
/** Both ends in one process. */
const request = { work: 'request', brokerOnly: true };
/** Each consumer has a queue of its own, which both clients declare, and a channel of its own. */
const app = { level: 'app', brokerOnly: true, versus: 'golevelup' };

/** Limits of CPU time on the sink and on RabbitMQ; peak memory is limited to the best peer's on both. */
const atMost = (sink, rabbitmq) => ({ sink: { cpu: sink, rss: 1 }, rabbitmq: { cpu: rabbitmq, rss: 1 } });
const onRabbit = (limits) => ({ rabbitmq: { ...limits, rss: 1 } });

/** The prefetch of `nest-consume`, the main case. */
const PREFETCH = 200;
/** Limits by prefetch; the others are measured without one. */
const consumeLimits = { 10: atMost(0.33, 0.5), [PREFETCH]: atMost(0.33, 0.42) };

/** @type {readonly import('../cases.mjs').Case[]} */
export const nestCases = [
  {
    ...module,
    name: 'nest-publish',
    title: 'publish 120 B of JSON, confirmed',
    work: 'confirm',
    unconfirmed: 500,
    atMost: atMost(0.33, 0.42),
  },
  ...[1, 10, 50, PREFETCH, 1000].map((prefetch) => ({
    ...module,
    name: prefetch === PREFETCH ? 'nest-consume' : `nest-consume-${prefetch}`,
    title: `consume 120 B of JSON + ack, prefetch ${prefetch.toLocaleString('en')}`,
    work: 'deliver',
    prefetch,
    atMost: consumeLimits[prefetch] ?? atMost(undefined, undefined),
  })),
  {
    ...module,
    ...request,
    name: 'nest-request',
    title: 'request() and its @AmqpRpc, 64 in flight',
    inFlight: 64,
    atMost: onRabbit({ cpu: 0.38 }),
  },
  {
    ...transport,
    name: 'rmq-emit',
    title: 'emit an event of 120 B',
    work: 'confirm',
    unconfirmed: 500,
    atMost: atMost(0.15, 0.2),
  },
  {
    ...transport,
    name: 'rmq-handle',
    title: 'handle an event of 120 B + ack, prefetch 200',
    work: 'deliver',
    prefetch: 200,
    atMost: atMost(0.18, 0.2),
  },
  {
    ...transport,
    ...request,
    name: 'rmq-request',
    title: 'send and its handler, 64 in flight',
    inFlight: 64,
    atMost: onRabbit({ cpu: 0.38 }),
  },
  {
    ...transport,
    ...request,
    name: 'rmq-request-1',
    title: 'send and its handler, one in flight',
    inFlight: 1,
    atMost: onRabbit({ p50: 1, p99: 1 }),
  },
  {
    ...transport,
    ...request,
    name: 'rmq-request-gc',
    title: 'send and its allocating handler, 100 in flight, 100 MB heap',
    inFlight: 100,
    allocating: true,
    nodeOptions: ['--max-old-space-size=100'],
    atMost: onRabbit({ p99: 1 }),
  },
  ...[0, 20].map((roundTrip) => ({
    ...app,
    name: roundTrip === 0 ? 'boot' : `boot-${roundTrip}ms`,
    title: `boot of 100 consumers, round trip + ${roundTrip} ms`,
    work: 'boot',
    queues: 100,
    roundTrip,
    turns: 3,
    atMost: { rabbitmq: { wall: 0.5, cpu: undefined } },
  })),
  {
    ...app,
    name: 'idle',
    title: 'memory of an idle consumer, of 1,000',
    work: 'idle',
    queues: 1001,
    nodeOptions: ['--expose-gc'],
    atMost: { rabbitmq: { heap: 0.5, resident: 0.5 } },
  },
];

function ofModule() {
  const messageId = 'b2a0c1de-1111-4222-8333-123456789abc';
  return { contentType: 'application/json', deliveryMode: 2, messageId };
}
