import { nestCases } from './nest/cases.mjs';

/**
 * The cases of the benchmark. `atMost` is the project's limit, for each target: of our figure divided by the best peer's, or with
 * `against` by our own figure of the other case.
 *
 * @typedef {Partial<Record<'cpu' | 'wall' | 'p50' | 'p99' | 'rss' | 'rssGrowth' | 'heap' | 'resident', number>>} Limits
 * @typedef {object} Case
 * @property {string} name on the command line
 * @property {string} title in the table
 * @property {'publish' | 'confirm' | 'deliver' | 'round-trip' | 'request' | 'import' | 'boot' | 'idle'} work
 * @property {number} [size] bytes of a body
 * @property {number} [channels] default 1
 * @property {number} [consumers] default 1
 * @property {number} [unconfirmed] publishes in flight
 * @property {number} [prefetch] limit of unacked deliveries; without it deliveries need no ack
 * @property {number} [count] messages, in place of a time
 * @property {number} [inFlight] requests in flight
 * @property {boolean} [allocating] the service creates objects for each request and keeps those of the last thousand
 * @property {number} [queues] queues that exist already, each with one consumer
 * @property {number} [roundTrip] ms that a proxy adds to each round trip; default 0
 * @property {number} [turns] measurements of each client in a round; default 1
 * @property {readonly string[]} [nodeOptions] of the client's process
 * @property {'core' | 'module' | 'transport' | 'app'} [level] the clients that take part, see clients.mjs; default core
 * @property {{ text: string, properties: object }} [delivery] default `size` bytes
 * @property {boolean} [brokerOnly] needs queues, which the sink does not have
 * @property {string} [versus] the only peer to compare with, in place of the best
 * @property {string} [against] the case of our own that this one must not exceed
 * @property {{ sink?: Limits, rabbitmq?: Limits }} atMost
 */

const KiB = 1024;
/** Limits of the memory alone. */
const MEMORY = { rss: 1 };

/** @type {readonly Case[]} */
const coreCases = [
  {
    name: 'publish-16B',
    title: 'publish 16 B',
    work: 'publish',
    size: 16,
    atMost: { sink: { cpu: 1 / 8, ...MEMORY }, rabbitmq: MEMORY },
  },
  {
    name: 'publish-4KiB',
    title: 'publish 4 KiB',
    work: 'publish',
    size: 4 * KiB,
    atMost: { sink: { cpu: 1 / 2, ...MEMORY }, rabbitmq: MEMORY },
  },
  {
    name: 'publish-1MiB',
    title: 'publish 1 MiB',
    work: 'publish',
    size: KiB * KiB,
    atMost: { sink: { cpu: 1, ...MEMORY }, rabbitmq: MEMORY },
  },
  {
    name: 'confirm-16B',
    title: 'publish + confirm 16 B, 1,000 in flight',
    work: 'confirm',
    size: 16,
    unconfirmed: 1000,
    atMost: { sink: { cpu: 1 / 6, ...MEMORY }, rabbitmq: { cpu: 0.28, ...MEMORY } },
  },
  {
    name: 'confirm-4KiB',
    title: 'publish + confirm 4 KiB, 1,000 in flight',
    work: 'confirm',
    size: 4 * KiB,
    unconfirmed: 1000,
    atMost: { sink: { cpu: 1 / 2, ...MEMORY }, rabbitmq: MEMORY },
  },
  {
    name: 'deliver-16B',
    title: 'deliver 16 B, no ack',
    work: 'deliver',
    size: 16,
    atMost: { sink: { cpu: 0.4, ...MEMORY }, rabbitmq: MEMORY },
  },
  {
    name: 'deliver-4KiB',
    title: 'deliver 4 KiB, no ack',
    work: 'deliver',
    size: 4 * KiB,
    atMost: { sink: { cpu: 1, ...MEMORY }, rabbitmq: MEMORY },
  },
  {
    name: 'ack-16B',
    title: 'deliver + ack 16 B, prefetch 200',
    work: 'deliver',
    size: 16,
    prefetch: 200,
    atMost: { sink: { cpu: 1 / 7, ...MEMORY }, rabbitmq: { cpu: 0.35, ...MEMORY } },
  },
  {
    name: 'round-trip',
    title: 'request-reply 16 B, one in flight',
    work: 'round-trip',
    size: 16,
    atMost: { sink: { p50: 1, p99: 1, ...MEMORY }, rabbitmq: MEMORY },
  },
  { name: 'import', title: 'import', work: 'import', versus: 'amqplib', atMost: { sink: { wall: 1 } } },
  {
    name: 'publish-1000-channels',
    title: 'publish 16 B on 1,000 channels',
    work: 'publish',
    size: 16,
    channels: 1000,
    against: 'publish-16B',
    atMost: { sink: { cpu: 1.3 } },
  },
  {
    name: 'deliver-1000-consumers',
    title: 'deliver 16 B to 1,000 consumers',
    work: 'deliver',
    size: 16,
    consumers: 1000,
    against: 'deliver-16B',
    atMost: { sink: { cpu: 1.3 } },
  },
  {
    name: 'confirm-100000',
    title: 'publish + confirm 16 B, 100,000 unconfirmed',
    work: 'confirm',
    size: 16,
    unconfirmed: 100_000,
    against: 'confirm-16B',
    atMost: { sink: { cpu: 1.5 } },
  },
  {
    name: 'backlog-1000000',
    title: 'deliver + ack 1,000,000 × 16 B, prefetch 200',
    work: 'deliver',
    size: 16,
    prefetch: 200,
    count: 1_000_000,
    against: 'ack-16B',
    atMost: { sink: { cpu: 1.3, rssGrowth: 1.1 } },
  },
];

export const cases = [...coreCases, ...nestCases];
