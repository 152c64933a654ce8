import type { AmqpConsumerRegistry } from '../../consumers/lifecycle/consumer.registry.js';

/** A queue on a connection. */
export interface QueueAddress {
  readonly connection: string;
  /** The queue that is consumed, not its parked queue. */
  readonly queue: string;
}

export const keyOfQueue = ({ connection, queue }: QueueAddress): string => `${connection}\n${queue}\n`;

/** Returns the handlers of the queue in this process. */
export function handlersOf(consumers: Pick<AmqpConsumerRegistry, 'list'>, queue: string): readonly string[] {
  return consumers.list({ queue }).flatMap(({ handlers }) => handlers);
}
