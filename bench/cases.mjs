import { nestCases } from './nest/cases.mjs';

/**
 * The cases of the benchmark. `atMost` is the project's target: the limit of our figure divided by the best peer's, or with
 * `against` by our own figure of the other case.
 *
 * @typedef {object} Case
 * @property {string} name on the command line
 * @property {string} title in the table
 * @property {'publish' | 'confirm' | 'deliver' | 'round-trip' | 'import'} work
 * @property {number} [size] bytes of a body
 * @property {number} [channels] default 1
 * @property {number} [consumers] default 1
 * @property {number} [unconfirmed] publishes in flight
 * @property {number} [prefetch] limit of unacked deliveries; without it deliveries need no ack
 * @property {number} [count] messages, in place of a time
 * @property {'core' | 'module' | 'transport'} [level] the clients that take part, see clients.mjs; default core
 * @property {{ text: string, properties: object }} [delivery] default `size` bytes
 * @property {boolean} [answered] each message is a request, which only a real broker can route to its answer
 * @property {'sink' | 'rabbitmq'} [held] the target on which `atMost` holds; default the sink
 * @property {string} [versus] the only peer to compare with, in place of the best
 * @property {string} [against] the case of our own that this one must not exceed
 * @property {Partial<Record<'cpu' | 'wall' | 'p50' | 'p99' | 'rss' | 'rssGrowth', number>>} atMost
 */

const KiB = 1024;

/** @type {readonly Case[]} */
const coreCases = [
  { name: 'publish-16B', title: 'publish 16 B', work: 'publish', size: 16, atMost: { cpu: 1 / 8, rss: 1 } },
  { name: 'publish-4KiB', title: 'publish 4 KiB', work: 'publish', size: 4 * KiB, atMost: { cpu: 1 / 2, rss: 1 } },
  { name: 'publish-1MiB', title: 'publish 1 MiB', work: 'publish', size: KiB * KiB, atMost: { cpu: 1, rss: 1 } },
  {
    name: 'confirm-16B',
    title: 'publish + confirm 16 B, 1,000 in flight',
    work: 'confirm',
    size: 16,
    unconfirmed: 1000,
    atMost: { cpu: 1 / 6, rss: 1 },
  },
  {
    name: 'confirm-4KiB',
    title: 'publish + confirm 4 KiB, 1,000 in flight',
    work: 'confirm',
    size: 4 * KiB,
    unconfirmed: 1000,
    atMost: { cpu: 1 / 2, rss: 1 },
  },
  { name: 'deliver-16B', title: 'deliver 16 B, no ack', work: 'deliver', size: 16, atMost: { cpu: 1 / 2, rss: 1 } },
  { name: 'deliver-4KiB', title: 'deliver 4 KiB, no ack', work: 'deliver', size: 4 * KiB, atMost: { cpu: 1, rss: 1 } },
  {
    name: 'ack-16B',
    title: 'deliver + ack 16 B, prefetch 200',
    work: 'deliver',
    size: 16,
    prefetch: 200,
    atMost: { cpu: 1 / 3, rss: 1 },
  },
  {
    name: 'round-trip',
    title: 'request-reply 16 B, one in flight',
    work: 'round-trip',
    size: 16,
    atMost: { p50: 1, p99: 1, rss: 1 },
  },
  { name: 'import', title: 'import', work: 'import', versus: 'amqplib', atMost: { wall: 1 } },
  {
    name: 'publish-1000-channels',
    title: 'publish 16 B on 1,000 channels',
    work: 'publish',
    size: 16,
    channels: 1000,
    against: 'publish-16B',
    atMost: { cpu: 1.3 },
  },
  {
    name: 'deliver-1000-consumers',
    title: 'deliver 16 B to 1,000 consumers',
    work: 'deliver',
    size: 16,
    consumers: 1000,
    against: 'deliver-16B',
    atMost: { cpu: 1.3 },
  },
  {
    name: 'confirm-100000',
    title: 'publish + confirm 16 B, 100,000 unconfirmed',
    work: 'confirm',
    size: 16,
    unconfirmed: 100_000,
    against: 'confirm-16B',
    atMost: { cpu: 1.3 },
  },
  {
    name: 'backlog-1000000',
    title: 'deliver + ack 1,000,000 × 16 B, prefetch 200',
    work: 'deliver',
    size: 16,
    prefetch: 200,
    count: 1_000_000,
    against: 'ack-16B',
    atMost: { cpu: 1.3, rssGrowth: 1.1 },
  },
];

export const cases = [...coreCases, ...nestCases];
