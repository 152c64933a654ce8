import type { InjectionToken } from '@nestjs/common';
import type { Duration } from '../../common/duration.js';

/**
 * A position in a stream (https://www.rabbitmq.com/docs/streams#consuming):
 *
 * - `'first'`: the first message that the stream has.
 * - `'last'`: the last chunk of messages.
 * - `'next'`: the next message that is published.
 * - a number: the message with this offset, from 0.
 * - a Date: this point in time, with the accuracy of a chunk.
 *
 * @example
 * ```ts
 * @AmqpConsumer('audit', { offset: new Date(Date.now() - 3_600_000) })
 * ```
 */
export type StreamOffset = 'first' | 'last' | 'next' | number | Date;

/**
 * Stores the position of a stream's consumer, so that the consumer continues there after a restart. Implement it to keep
 * positions in the same database as the results, and give the provider's token as `trackOffset.store`.
 *
 * @example
 * ```ts
 * @Injectable()
 * class OffsetTable implements StreamOffsetStore {
 *   async load(name: string) {
 *     return (await this.offsets.findOneBy({ name }))?.offset;
 *   }
 *   async save(name: string, offset: number) {
 *     await this.offsets.upsert({ name, offset }, ['name']);
 *   }
 * }
 * ```
 *
 * @publicApi
 */
export interface StreamOffsetStore {
  /**
   * Returns the last saved offset of this name; undefined if none was saved. Called when the consumer starts or is resumed.
   * An error fails that start.
   */
  load(name: string): Promise<number | undefined>;
  /** Saves an offset. Offsets grow, and calls do not overlap. After an error, which is logged, a later call saves again. */
  save(name: string, offset: number): Promise<void>;
}

/**
 * Stores the position of a stream's consumer. After a restart the consumer continues behind the last saved offset, so
 * messages since the last save are handled again. Requires `ack: 'auto'`.
 *
 * @example
 * ```ts
 * @AmqpConsumer('audit', { offset: 'first', trackOffset: { name: 'audit-index', interval: '5s' } })
 * ```
 *
 * @publicApi
 */
export interface TrackOffsetOptions {
  /** Name under which the offset is stored. Two consumers must not share a name. */
  readonly name: string;
  /**
   * Token of a provider that implements {@link StreamOffsetStore}. Default: the offset is stored on the broker, as the only
   * message of the queue `<stream>.offset.<name>`.
   */
  readonly store?: InjectionToken<StreamOffsetStore>;
  /** Shortest time between two saves: ms, or a text such as `'5s'`. The offset is also saved at a stop. Default 1 s. */
  readonly interval?: Duration;
}
