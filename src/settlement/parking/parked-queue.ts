import {
  ChannelClosedError,
  ConfigurationError,
  NotFoundError,
  TRACES_ITSELF,
  type Channel,
  type Connection,
  type Delivery,
} from '../../../lib/client/index.js';
import { within, type Clock } from '../../../lib/environment/index.js';
import { PREFETCH_MAX } from '../../common/count.js';
import { consumedQueueName, parkedQueueName } from '../retry/settlement-queue-names.js';

/** Ms without a delivery after which the queue counts as empty: another client may have taken the rest. */
const SILENCE = 1_000;

/** Looking at a message is not an attempt at it, so it has no trace. */
const UNTRACED = { [TRACES_ITSELF]: true } as const;

/** Called with each message in order. Returns false to stop. */
export type See = (delivery: Delivery) => boolean;

/**
 * The messages of one parked queue, read on one channel. A message that was read is unsettled, so nobody else gets it, and
 * it is back in the queue when the channel closes, also if the process dies.
 */
export class ParkedQueue {
  private readonly name: string;

  /** @param queue the queue that its messages were consumed from */
  constructor(
    private readonly channel: Channel,
    queue: string,
    private readonly clock: Pick<Clock, 'after'>,
  ) {
    this.name = parkedQueueName(queue);
  }

  /** Returns the oldest message, whose `messageCount` is the number of the others; undefined if there is none. */
  async first(): Promise<Delivery | undefined> {
    return this.channel.basicGet(this.name);
  }

  /** Reads the next messages, at most `most`. */
  async read(most: number, see: See): Promise<void> {
    let left = most;
    while (left > 0) {
      const asked = Math.min(left, PREFETCH_MAX);
      const seen = await this.consume(asked, see);
      if (seen < asked) return;
      left -= seen;
    }
  }

  /**
   * Reads by a consumer whose prefetch is that number, since RabbitMQ answers each basic.get of a quorum queue only after
   * its replicas have agreed: 10,000 took 27 s instead of 0.2 s.
   *
   * @returns the number of messages that `see` got; 0 if it stopped, and fewer than `most` if there are no more
   */
  private async consume(most: number, see: See): Promise<number> {
    let seen = 0;
    let stopped = false;
    let over = false;
    let wake: () => void = () => {};
    const onDelivery = (delivery: Delivery): void => {
      if (over) return;
      stopped = !see(delivery);
      over = ++seen === most || stopped;
      wake();
    };
    const consumer = await this.channel.basicConsume(this.name, onDelivery, { ...UNTRACED, prefetch: most });
    const ended = consumer.closed.then((error) => {
      throw (
        error ?? new ChannelClosedError('the channel of the parked queue was closed; call the method again', 'unknown')
      );
    });
    // Nobody waits for it any more once the messages are there.
    ended.catch(() => {});
    for (let before = -1; !over && seen > before;) {
      before = seen;
      const next = Promise.race([new Promise<void>((resolve) => (wake = resolve)), ended]);
      await within(next, { clock: this.clock, timeout: SILENCE }, () => {});
    }
    over = true;
    await consumer.cancel();
    return stopped ? 0 : seen;
  }

  /** Reads the next messages into memory, at most `most`. */
  async fetch(most: number): Promise<Delivery[]> {
    const deliveries: Delivery[] = [];
    await this.read(most, (delivery) => deliveries.push(delivery) > 0);
    return deliveries;
  }

  /** Deletes all messages. Resolves with their number. */
  purge(): Promise<number> {
    return this.channel.queuePurge(this.name);
  }
}

/**
 * Returns true if messages of the queue were parked before.
 *
 * @throws NotFoundError if the queue itself does not exist
 * @throws ConfigurationError if it is the parked queue of another queue
 */
export async function hasParkedQueue(connection: Connection, queue: string): Promise<boolean> {
  if (await isThere(connection, parkedQueueName(queue))) return true;
  await lookFor(connection, queue);
  const consumed = consumedQueueName(queue);
  if (consumed !== undefined && (await isThere(connection, consumed))) {
    throw new ConfigurationError(
      `ParkingLot: '${queue}' holds the parked messages of '${consumed}': give the queue's own name, '${consumed}'`,
    );
  }
  return false;
}

async function isThere(connection: Connection, queue: string): Promise<boolean> {
  try {
    await lookFor(connection, queue);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

function lookFor(connection: Connection, queue: string): Promise<unknown> {
  return connection.withScratchChannel((look) => look.queueDeclare(queue, { passive: true }));
}
