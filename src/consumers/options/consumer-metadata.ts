import type { EventContract } from '../../contracts/event-contract.js';
import type { RpcContract } from '../../contracts/rpc-contract.js';
import type { BatchOptions } from './batch-options.js';
import type { OptionsSource } from './options-source.js';
import type { QueueSource } from './queue-source.js';
import type { SingleOptions } from './rpc-options.js';

/** The events or requests of a contract that a handler takes. */
export interface Contracted {
  readonly contract: EventContract | RpcContract;
  /** Their names, with those of older events that become one of them. */
  readonly names: readonly string[];
}

/** Metadata that {@link AmqpConsumer}, {@link AmqpRpc} and {@link AmqpBatchConsumer} store on a method. */
export type ConsumerMetadata =
  | {
      readonly kind: 'message' | 'rpc';
      readonly source: QueueSource;
      readonly options: OptionsSource<SingleOptions>;
      /** Of {@link AmqpEvent} and {@link AmqpRequest}. */
      readonly contracted?: Contracted;
    }
  | { readonly kind: 'batch'; readonly source: QueueSource; readonly options: OptionsSource<BatchOptions> };

/** The kind of a consumer, with its options. */
export type KindOptions =
  | { readonly kind: 'message' | 'rpc'; readonly options: SingleOptions }
  | { readonly kind: 'batch'; readonly options: BatchOptions };

/** Metadata that {@link OnConsumerCancelled} and {@link OnReturn} store on a method. */
export type ListenerMetadata =
  { readonly event: 'cancelled'; readonly queue: QueueSource | undefined } | { readonly event: 'returned' };
