const PARKED = '.parked';

/** Returns the name of the queue in which messages of `queue` wait for a retry; the delay is in ms. */
export const delayQueueName = (queue: string, ms: number): string => `${delayQueuePrefix(queue)}${ms}`;

export const delayQueuePrefix = (queue: string): string => `${queue}.retry.`;

/** Returns the name of the queue that keeps messages of `queue` without attempts left. */
export const parkedQueueName = (queue: string): string => `${queue}${PARKED}`;

/** Returns the name of the queue whose messages `queue` keeps if it is a parked queue; undefined for other names. */
export const consumedQueueName = (queue: string): string | undefined =>
  queue.length > PARKED.length && queue.endsWith(PARKED) ? queue.slice(0, -PARKED.length) : undefined;
