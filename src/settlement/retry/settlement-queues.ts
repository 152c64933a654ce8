import { NotFoundError, PreconditionFailedError, type Channel, type Connection } from '../../../lib/client/index.js';
import { declareTopology } from '../../topology/declare-topology.js';
import { NO_DELIVERY_LIMIT, quorumQueue, type QueueDefinition } from '../../topology/queues.js';
import type { TopologyOptions } from '../../topology/topology.js';
import { delayQueueName, parkedQueueName } from './settlement-queue-names.js';
import { MissingQueueError } from './retry.errors.js';

/**
 * Defines the queue in which messages wait `ms` for their retry. After the delay the broker moves them back to `queue`,
 * as soon as `queue` takes them.
 */
export function delayQueue(queue: string, ms: number): QueueDefinition {
  return quorumQueue(delayQueueName(queue, ms), {
    messageTtl: ms,
    deadLetterExchange: '',
    deadLetterRoutingKey: queue,
    deadLetterStrategy: 'at-least-once',
    overflow: 'reject-publish',
  });
}

/** Defines the queue that keeps the messages of `queue` that have no attempts left. */
export function parkedQueue(queue: string): QueueDefinition {
  return quorumQueue(parkedQueueName(queue), { deliveryLimit: NO_DELIVERY_LIMIT });
}

/** The delay and parked queues that one consumer uses. */
export interface NeededQueues {
  /** Its name in logs and errors: `BillingConsumer.onOrder`. */
  readonly consumer: string;
  readonly queue: string;
  /** Delays in ms. Each delay has a queue. */
  readonly levels: readonly number[];
  readonly parked: boolean;
}

/**
 * Declares the queues, or only checks that they exist, as the topology's `declare` says. A queue of that name in the
 * topology, or an existing parked queue, is used as it is.
 *
 * @throws MissingQueueError, TopologyError
 */
export async function provideQueues(
  connection: Connection,
  topology: TopologyOptions,
  needed: NeededQueues,
): Promise<void> {
  const { declare = 'assert' } = topology;
  const declared = new Set(topology.queues?.map(({ name }) => name));
  const delays = needed.levels.map((ms) => delayQueue(needed.queue, ms)).filter(({ name }) => !declared.has(name));
  const parked = parkedQueue(needed.queue);
  const own = needed.parked && !declared.has(parked.name);
  const all = own || (needed.parked && declare !== 'assert') ? [...delays, parked] : delays;
  if (all.length === 0) return;
  await connection.withScratchChannel(async (channel) => {
    if (declare === 'assert') {
      await declareTopology([channel], { queues: delays });
      if (own) await declareUnlessThere(channel, parked);
    } else for (const definition of all) await lookFor(channel, definition, needed, declare);
  });
}

/** Other arguments of an existing parked queue are intended; any queue can keep messages. */
async function declareUnlessThere(channel: Channel, { name, ...options }: QueueDefinition): Promise<void> {
  try {
    await channel.queueDeclare(name, options);
  } catch (error) {
    if (!(error instanceof PreconditionFailedError)) throw error;
  }
}

async function lookFor(
  channel: Channel,
  definition: QueueDefinition,
  { consumer, queue }: NeededQueues,
  declare: string,
): Promise<void> {
  try {
    await channel.queueDeclare(definition.name, { passive: true });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new MissingQueueError(definition, consumer, queue, declare, error);
  }
}
