import { Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { InvalidConsumerError } from '../consumer.errors.js';
import type { ConsumerPlan } from '../dispatch/consumer-plan.js';
import { timeLimit } from '../../common/duration.js';
import { isStream } from '../stream/is-stream.js';
import { BrokerOffsetStore } from '../stream/broker-offset-store.js';
import type { StreamOffsetStore } from '../stream/stream-options.js';
import { StreamPosition } from '../stream/stream-position.js';
import { TrackedPosition } from '../stream/tracked-position.js';

const DEFAULT_INTERVAL = '1s';

/** Creates the position of each consumer of a stream. */
@Injectable()
export class StreamPositions {
  constructor(private readonly modules: ModuleRef) {}

  /** Returns undefined unless the consumer's options or the topology show a stream. @throws InvalidConsumerError */
  create(plan: ConsumerPlan): StreamPosition | undefined {
    const { name, queue, options, connection } = plan;
    const { offset, trackOffset } = options;
    if (!trackOffset)
      return offset !== undefined || isStream(queue, connection) ? new StreamPosition(offset) : undefined;
    if ('ack' in options && options.ack === 'manual') {
      throw new InvalidConsumerError(
        `${name}: trackOffset cannot be used with ack: 'manual', since only the handler knows when a message is handled. ` +
          'Remove one of the two options.',
      );
    }
    const interval = timeLimit(trackOffset.interval ?? DEFAULT_INTERVAL, `${name}: trackOffset.interval`);
    const store = trackOffset.store
      ? this.modules.get<StreamOffsetStore>(trackOffset.store as string, { strict: false })
      : new BrokerOffsetStore(connection, queue);
    return new TrackedPosition(offset, trackOffset.name, store, interval, connection.environment.clock);
  }
}
