import type { InjectionToken } from '@nestjs/common';
import type { Duration } from '../../common/duration.js';

/**
 * Where in a stream to begin (https://www.rabbitmq.com/docs/streams#consuming): at its first message, at the last chunk of
 * messages, with what comes next, at an offset, or at a point in time, to the chunk.
 */
export type StreamOffset = 'first' | 'last' | 'next' | number | Date;

/**
 * Keeps how far a consumer of a stream has come, so that a restart goes on there.
 *
 * @publicApi
 */
export interface StreamOffsetStore {
  /** The offset of the last message that was handled under this name; undefined when there is none yet. */
  load(name: string): Promise<number | undefined>;
  /** Called with growing offsets, one call at a time. */
  save(name: string, offset: number): Promise<void>;
}

/**
 * How to keep the offset of a stream.
 *
 * @publicApi
 */
export interface TrackOffsetOptions {
  /** What it is kept under; one consumer for each name. */
  readonly name: string;
  /**
   * Token of a provider that is a {@link StreamOffsetStore}. Default: RabbitMQ itself, in the queue
   * `<stream>.offset.<name>`, which holds one message.
   */
  readonly store?: InjectionToken<StreamOffsetStore>;
  /** It is saved that often, at most, and when the consumer stops: ms, or text as `'5s'`. Default 1 s. */
  readonly interval?: Duration;
}
