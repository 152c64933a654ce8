import {
  MessageReturnedError,
  NotFoundError,
  TRACES_ITSELF,
  type BasicPublishOptions,
  type Connection,
  type Consumer,
  type Delivery,
} from '../../../lib/client/index.js';
import { pause } from '../../../lib/environment/index.js';
import { FieldLogger } from '../../common/field-logger.js';
import { describeError, describeMessage, messageIdOf } from '../../common/log-text.js';
import type { AmqpConnections } from '../../connection/amqp-connections.js';
import type { LandingAttendant } from '../../delay/declared-staircase.js';
import { DELAYS, landingName, PARKED, TO_HEADER } from '../../delay/delay-names.js';
import { landingOf, TAKEN_WITHIN, type Destination } from '../../delay/staircase.js';
import { withoutTheWay } from '../../delay/without-delay.js';
import { PublisherChannel } from '../../publishers/publisher-channel.js';
import { failureReason } from '../failure-reason.js';
import { recordOf } from '../retry/failure-record.js';
import { DELIVERY_HEADERS, encodedHeaders } from '../retry/forwarded-properties.js';
import { publishCopy } from '../retry/publish-copy.js';
import { afterFailure, initialState, withoutCopies, withoutStacks } from '../retry/retry-state.js';

/** Maximum number of unsettled messages of one landing. The broker sends those that are beyond it and waited too long. */
const WINDOW = 250;

/** A message that is sent on is no attempt at it. */
const UNTRACED = { prefetch: WINDOW, [TRACES_ITSELF]: true } as const;

/** The connections of an application. */
type CourierConnections = Pick<AmqpConnections, 'channel' | 'environment'> & {
  open(): Promise<{ readonly consuming: Connection }>;
};

/**
 * Takes due messages from the landings of exchanges, sends them to their exchange, and parks those that no queue takes, so
 * that they do not fill the landing. RabbitMQ itself cannot put such a message aside: it holds 32 of a landing, and the
 * messages behind them wait. Everything else that fails is left to the broker, which sends a message after
 * {@link TAKEN_WITHIN} and keeps it until its exchange takes it.
 *
 * A message is acknowledged when the broker has confirmed it elsewhere.
 */
export class DueCourier implements LandingAttendant {
  private readonly logger = new FieldLogger('AmqpDelays');
  private readonly stop = new AbortController();
  private readonly channel: PublisherChannel;
  /** By name of the landing. */
  private readonly attended = new Map<string, Promise<Consumer>>();
  private readonly running = new Set<Promise<void>>();

  /** @param onReturned told of each message that no queue takes */
  constructor(
    private readonly connections: CourierConnections,
    private readonly onReturned: (error: MessageReturnedError) => void = () => {},
  ) {
    this.channel = new PublisherChannel(connections, { whenUnavailable: 'fail' });
  }

  async attend(landing: Destination): Promise<void> {
    const name = landingName(landingOf(landing));
    if (this.stop.signal.aborted || this.attended.has(name)) return;
    const consuming = this.consume(landing, name);
    this.attended.set(name, consuming);
    const end = (): void => void (this.attended.get(name) === consuming && this.attended.delete(name));
    try {
      void (await consuming).closed.then(end);
    } catch (error) {
      end();
      this.logger.debug(`Due messages of '${name}' are left to the broker: ${describeError(error)}`, { queue: name });
    }
  }

  async close(): Promise<void> {
    this.stop.abort();
    await Promise.allSettled([...this.attended.values()].map(async (consuming) => (await consuming).cancel()));
    await Promise.all(this.running);
    await this.channel.close();
  }

  private async consume(landing: Destination, name: string): Promise<Consumer> {
    const { consuming } = await this.connections.open();
    const channel = await consuming.openChannel();
    const onDue = (delivery: Delivery): void => {
      const work = this.settle(landing, delivery, consuming.user).finally(() => this.running.delete(work));
      this.running.add(work);
    };
    try {
      const consumer = await channel.basicConsume(name, onDue, UNTRACED);
      void consumer.closed.then(() => Promise.all(this.running)).then(() => channel.close());
      return consumer;
    } catch (error) {
      await channel.close();
      throw error;
    }
  }

  /** Never rejects. */
  private async settle(landing: Destination, delivery: Delivery, user: string | undefined): Promise<void> {
    const { clock } = this.connections.environment;
    const since = clock.now();
    if (await this.isElsewhere(landing, delivery, user)) {
      if (!delivery.stale) delivery.ack();
      return;
    }
    // Before, it would come here again at once.
    await pause(clock, Math.max(0, since + TAKEN_WITHIN - clock.now()), this.stop.signal);
    if (!delivery.stale) delivery.nack({ requeue: true });
  }

  /** Returns true if the broker has the message in its queues, or in that of parked messages. */
  private async isElsewhere(landing: Destination, delivery: Delivery, user: string | undefined): Promise<boolean> {
    try {
      const { userId } = delivery.properties;
      // The broker accepts no other user's `userId`, which the message keeps on the broker's way.
      if (userId !== undefined && userId !== user) return false;
      await this.channel.publish(landing.name, delivery.routingKey, delivery.body, sent(landing, delivery));
      return true;
    } catch (error) {
      if (!(error instanceof MessageReturnedError || error instanceof NotFoundError)) return false;
      return this.park(landing, delivery, error).catch(() => false);
    }
  }

  private async park(
    { name: exchange }: Destination,
    delivery: Delivery,
    error: MessageReturnedError | NotFoundError,
  ): Promise<boolean> {
    const { clock } = this.connections.environment;
    const { routingKey, properties } = withoutTheWay(delivery);
    const failure = recordOf(error, failureReason(error, delivery.body), new Date(clock.wallTime()));
    const state = afterFailure(initialState(DELAYS, { exchange, routingKey, properties }), failure);
    await publishCopy(this.channel, PARKED, delivery, [state, withoutStacks(state), withoutCopies(state), undefined], {
      copyOf: { kind: 'park', queue: DELAYS, delivery },
    });
    if (error instanceof MessageReturnedError) this.onReturned(error);
    this.logger.error(
      `The delayed ${describeMessage(delivery)} is due, and no queue takes it: ${describeError(error)}; parked in '${PARKED}'`,
      { exchange, messageId: messageIdOf(delivery), decision: 'park' },
    );
    return true;
  }
}

/** Returns the message as its publisher has sent it, with the one header by which consumers know that it was delayed. */
function sent(landing: Destination, delivery: Delivery): BasicPublishOptions {
  const { properties } = withoutTheWay(delivery);
  const headers = { ...properties.headers, ...encodedHeaders(delivery) };
  for (const name of DELIVERY_HEADERS) delete headers[name];
  return { ...properties, headers: { ...headers, [TO_HEADER]: landingOf(landing) }, mandatory: true };
}
