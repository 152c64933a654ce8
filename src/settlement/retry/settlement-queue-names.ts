/** Returns the name of the queue in which messages of `queue` wait for a retry; the delay is in ms. */
export const delayQueueName = (queue: string, ms: number): string => `${delayQueuePrefix(queue)}${ms}`;

export const delayQueuePrefix = (queue: string): string => `${queue}.retry.`;

/** Returns the name of the queue that keeps messages of `queue` without attempts left. */
export const parkedQueueName = (queue: string): string => `${queue}.parked`;
