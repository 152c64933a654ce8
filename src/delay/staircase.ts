import { bindQueue } from '../topology/bindings.js';
import { fanoutExchange, headersExchange } from '../topology/exchanges.js';
import { NO_DELIVERY_LIMIT, quorumQueue, type QueueDefinition, type QuorumQueueOptions } from '../topology/queues.js';
import type { TopologyOptions } from '../topology/topology.js';
import { DUE, landingName, levelHeader, levelName, PARKED, TO_HEADER, UNROUTABLE } from './delay-names.js';

/** The wait in the lowest level, ms. Each level waits twice as long as the one below it. */
const UNIT = 125;
/** 388 days in all. */
const LEVELS = 28;
/**
 * The time in which an application takes a due message from the landing of an exchange, ms. After it the broker sends the
 * message to the exchange by itself.
 */
export const TAKEN_WITHIN = 500;

/** Where a message goes when its delay is over. */
export interface Destination {
  readonly kind: 'exchange' | 'queue';
  readonly name: string;
}

/** Returns the destination of a publish. The default exchange routes by the name of a queue. */
export function destinationOf(exchange: string, routingKey: string): Destination {
  return exchange === '' ? { kind: 'queue', name: routingKey } : { kind: 'exchange', name: exchange };
}

/** Returns the name of the landing of a destination, which {@link TO_HEADER} has. */
export const landingOf = ({ kind, name }: Destination): string => `${kind}.${name}`;

/** Returns the exchange of the destination that a landing has. */
export const exchangeOfLanding = (landing: string): string =>
  landing.startsWith('exchange.') ? landing.slice('exchange.'.length) : '';

/** Returns the levels in which a message waits, the highest first: the bits of its delay, rounded up. */
export function levelsOf(delay: number): readonly number[] {
  const units = Math.ceil(delay / UNIT);
  return levelsAmong((level) => Math.floor(units / 2 ** level) % 2 === 1);
}

/** Returns the levels for which the test is true, the highest first. */
export function levelsAmong(test: (level: number) => boolean): readonly number[] {
  return Array.from({ length: LEVELS }, (_, index) => LEVELS - 1 - index).filter(test);
}

/** Returns the time that a message waits in these levels, ms. */
export const timeIn = (levels: readonly number[]): number => levels.reduce((sum, level) => sum + UNIT * 2 ** level, 0);

/** The exchanges of all levels. What an exchange does not route goes on to the level below. */
export function exchanges(): TopologyOptions {
  const levels = Array.from({ length: LEVELS }, (_, level) =>
    headersExchange(levelName(level), { alternateExchange: below(level) }),
  );
  return {
    exchanges: [...levels, headersExchange(DUE, { alternateExchange: UNROUTABLE }), fanoutExchange(UNROUTABLE)],
    queues: [quorumQueue(PARKED, { deliveryLimit: NO_DELIVERY_LIMIT })],
    bindings: [bindQueue(PARKED, UNROUTABLE)],
  };
}

/** The queue in which the messages of one level wait. */
export function level(number: number): TopologyOptions {
  const name = levelName(number);
  return {
    queues: [waiting(name, UNIT * 2 ** number, { deadLetterExchange: below(number) })],
    bindings: [bindQueue(name, name, '', { arguments: { 'x-match': 'all-with-x', [levelHeader(number)]: true } })],
  };
}

/**
 * The queue from which messages go to one destination. It keeps them while the destination does not take them, so that they
 * do not hold up messages for others. That of an exchange keeps them for a moment in any case, see {@link TAKEN_WITHIN}:
 * RabbitMQ cannot put aside a message that the exchange does not route, and an application can. All messages for a queue
 * share its fate, so the broker sends them at once.
 */
export function landing(destination: Destination): TopologyOptions {
  const to = landingOf(destination);
  const name = landingName(to);
  const [deadLetterExchange, wait] = destination.kind === 'exchange' ? [destination.name, TAKEN_WITHIN] : ['', 0];
  return {
    queues: [waiting(name, wait, { deadLetterExchange })],
    bindings: [bindQueue(name, DUE, '', { arguments: { 'x-match': 'all-with-x', [TO_HEADER]: to } })],
  };
}

function below(level: number): string {
  return level === 0 ? DUE : levelName(level - 1);
}

/** A message keeps its routing key, and stays until the next queue has confirmed it. */
function waiting(name: string, ms: number, options: QuorumQueueOptions): QueueDefinition {
  return quorumQueue(name, {
    ...options,
    deadLetterStrategy: 'at-least-once',
    overflow: 'reject-publish',
    arguments: { 'x-message-ttl': ms },
  });
}
