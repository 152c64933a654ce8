import type { BatchOptions } from './batch-options.js';
import type { ConsumerOptions } from './consumer-options.js';
import type { QueueSource } from './queue-source.js';

/** What {@link AmqpConsumer} and its kind leave on a method. */
export type ConsumerMetadata =
  | { readonly kind: 'message' | 'rpc'; readonly source: QueueSource; readonly options: ConsumerOptions }
  | { readonly kind: 'batch'; readonly source: QueueSource; readonly options: BatchOptions };

/** What {@link OnConsumerCancelled} and {@link OnReturn} leave on a method. */
export type ListenerMetadata =
  { readonly event: 'cancelled'; readonly queue: QueueSource | undefined } | { readonly event: 'returned' };
