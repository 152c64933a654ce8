import type { BatchOptions } from './batch-options.js';
import type { OptionsSource } from './options-source.js';
import type { QueueSource } from './queue-source.js';
import type { SingleOptions } from './rpc-options.js';

/** Metadata that {@link AmqpConsumer}, {@link AmqpRpc} and {@link AmqpBatchConsumer} store on a method. */
export type ConsumerMetadata =
  | { readonly kind: 'message' | 'rpc'; readonly source: QueueSource; readonly options: OptionsSource<SingleOptions> }
  | { readonly kind: 'batch'; readonly source: QueueSource; readonly options: OptionsSource<BatchOptions> };

/** The kind of a consumer, with its options. */
export type KindOptions =
  | { readonly kind: 'message' | 'rpc'; readonly options: SingleOptions }
  | { readonly kind: 'batch'; readonly options: BatchOptions };

/** Metadata that {@link OnConsumerCancelled} and {@link OnReturn} store on a method. */
export type ListenerMetadata =
  { readonly event: 'cancelled'; readonly queue: QueueSource | undefined } | { readonly event: 'returned' };
