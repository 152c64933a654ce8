import { FieldLogger } from '../../common/field-logger.js';
import { describeError } from '../../common/log-text.js';
import type { ConsumerLimits } from '../../consumers/lifecycle/consumer-limits.js';
import type { AmqpConsumerRegistry } from '../../consumers/lifecycle/consumer.registry.js';
import type { ParkingLot } from '../../settlement/parking/parking-lot.js';
import { BoardRequestError } from '../board.errors.js';
import type { ParkedQueues } from '../parked/parked-queues.js';
import { keyOfQueue, type QueueAddress } from '../parked/queue-address.js';
import type { RedriveRequest, Redrives, ShownRedrive } from '../parked/redrives.js';
import type { Turns } from '../parked/turns.js';

interface ConsumerChoice {
  readonly queue: string;
  readonly handler: string;
}

/** A change for the log. */
interface Change {
  readonly by: string;
  readonly queue: string;
  /** As in 'could not pause', and as in 'paused'. */
  readonly verbs: readonly [string, string];
  readonly what: string;
}

const PAUSE = ['pause', 'paused'] as const;
const RESUME = ['resume', 'resumed'] as const;
const LIMIT = ['limit', 'limited'] as const;
const DELETE = ['delete', 'deleted'] as const;

/** Everything on the board that changes something. Each change is a line in the log, with its user and its outcome. */
export class Changes {
  private readonly logger = new FieldLogger('AmqpBoard');

  constructor(
    private readonly consumers: AmqpConsumerRegistry,
    private readonly lot: ParkingLot,
    private readonly parked: ParkedQueues,
    private readonly redrives: Redrives,
    private readonly turns: Turns,
  ) {}

  /** @throws UnknownConsumerError */
  async pause({ handler, queue }: ConsumerChoice, by: string): Promise<void> {
    const change = { by, queue, verbs: PAUSE, what: inThisProcess(handler, queue) };
    await this.logged(change, () => this.consumers.pause({ handler, queue }));
  }

  /** @throws UnknownConsumerError, ConsumerStartError */
  async resume({ handler, queue }: ConsumerChoice, by: string): Promise<void> {
    const change = { by, queue, verbs: RESUME, what: inThisProcess(handler, queue) };
    await this.logged(change, () => this.consumers.resume({ handler, queue }));
  }

  /** @throws UnknownConsumerError, ConfigurationError, ConsumerStartError */
  async adjust({ handler, queue }: ConsumerChoice, limits: Required<ConsumerLimits>, by: string): Promise<void> {
    const { prefetch, concurrency } = limits;
    const what = `${inThisProcess(handler, queue)} to prefetch ${prefetch} and concurrency ${concurrency}`;
    await this.logged({ by, queue, verbs: LIMIT, what }, () => this.consumers.adjust({ handler, queue }, limits));
  }

  /** Starts a redrive. @throws BoardRequestError */
  redrive(request: RedriveRequest): ShownRedrive {
    const { by, queue, choice, rate } = request;
    const which = { all: 'all parked messages', group: 'a group of parked messages', messages: 'selected messages' };
    const pace = rate === undefined ? '' : `, at most ${rate} per second`;
    const started = this.redrives.start(request, (redrive) => {
      this.parked.forget(request);
      const { redriven, kept, failed, state, reason } = redrive;
      const end = `${redriven} sent, ${kept} left, ${failed} could not be sent${reason === undefined ? '' : `: ${reason}`}`;
      this.logger.log(`The redrive ${redrive.id} of queue '${queue}' by ${by} is ${state}: ${end}`, {
        queue,
        user: by,
      });
    });
    this.logger.log(`${by} sends ${which[choice.kind]} back to queue '${queue}'${pace} (redrive ${started.id})`, {
      queue,
      user: by,
    });
    return started;
  }

  /** @throws BoardRequestError */
  stop(id: number, by: string): void {
    const { queue } = this.redrives.stop(id);
    this.logger.log(`${by} stopped the redrive ${id} of queue '${queue}'`, { queue, user: by });
  }

  /**
   * Deletes all parked messages of a queue.
   *
   * @param confirmed the name of the queue, as the user has typed it
   * @throws BoardRequestError if the name differs, or while a redrive is running
   */
  async purge(address: QueueAddress, confirmed: string, by: string): Promise<number> {
    const { connection, queue } = address;
    if (confirmed !== queue)
      throw new BoardRequestError(400, 'Type the name of the queue to delete its parked messages.');
    if (this.redrives.isRunning(address)) throw new BoardRequestError(409, 'A redrive of this queue is under way.');
    const change = { by, queue, verbs: DELETE, what: `the parked messages of queue '${queue}'` };
    return this.turns.run(keyOfQueue(address), () =>
      this.logged(change, async () => {
        const deleted = await this.lot.purge(queue, { connection });
        this.parked.forget(address);
        return deleted;
      }),
    );
  }

  private async logged<T>({ by, queue, verbs, what }: Change, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      const number = typeof result === 'number' ? `: ${result}` : '';
      this.logger.log(`${by} ${verbs[1]} ${what}${number}`, { queue, user: by });
      return result;
    } catch (error) {
      this.logger.warn(`${by} could not ${verbs[0]} ${what}: ${describeError(error)}`, { queue, user: by });
      throw error;
    }
  }
}

const inThisProcess = (handler: string, queue: string): string =>
  `the consumer ${handler} of queue '${queue}' in this process`;
