/** The queue in which the messages of `queue` wait so many ms for their retry. */
export const delayQueueName = (queue: string, ms: number): string => `${delayQueuePrefix(queue)}${ms}`;

export const delayQueuePrefix = (queue: string): string => `${queue}.retry.`;

/** The queue that keeps the messages of `queue` whose attempts are spent. */
export const parkedQueueName = (queue: string): string => `${queue}.parked`;
