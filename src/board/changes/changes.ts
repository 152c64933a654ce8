import { FieldLogger } from '../../common/field-logger.js';
import { describeError, inLog } from '../../common/log-text.js';
import type { AmqpConsumerRegistry } from '../../consumers/lifecycle/consumer.registry.js';
import type { ParkingLot } from '../../settlement/parking/parking-lot.js';
import { BoardRequestError } from '../board.errors.js';
import type { ConsumerCommand } from '../instances/instance-messages.js';
import type { InstanceResult, Instances } from '../instances/instances.js';
import { describeEdit, type TextEdit } from '../parked/edits.js';
import { goneError, type ParkedQueues } from '../parked/parked-queues.js';
import { keyOfQueue, type QueueAddress } from '../parked/queue-address.js';
import type { RedriveRequest, Redrives, ShownRedrive } from '../parked/redrives.js';
import type { Turns } from '../parked/turns.js';

/** A change for the log. */
interface Change {
  readonly by: string;
  readonly queue: string;
  /** As in 'could not pause', and as in 'paused'. */
  readonly verbs: readonly [string, string];
  readonly what: string;
}

const VERBS = {
  pause: ['pause', 'paused'],
  resume: ['resume', 'resumed'],
  adjust: ['limit', 'limited'],
} as const;
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
    /** Returns undefined if the board does not know the other instances. */
    private readonly instances: () => Instances | undefined,
  ) {}

  /**
   * Changes a consumer of this process.
   *
   * @throws UnknownConsumerError, ConfigurationError, ConsumerStartError
   */
  async carryOut(command: ConsumerCommand, by: string): Promise<void> {
    const { kind, handler, queue } = command;
    const selector = { handler, queue };
    const change = { by, queue, verbs: VERBS[kind], what: `${described(command)} in this process` };
    await this.logged(change, () => {
      if (command.kind === 'pause') return this.consumers.pause(selector);
      if (command.kind === 'resume') return this.consumers.resume(selector);
      const { prefetch, concurrency } = command;
      return this.consumers.adjust(selector, { prefetch, concurrency: concurrency || Infinity });
    });
  }

  /**
   * Changes a consumer of all instances. Each of them logs what it does.
   *
   * @throws BoardRequestError without the option `instances`; AmqpError if the broker does not take the command
   */
  async carryOutEverywhere(command: ConsumerCommand, by: string): Promise<readonly InstanceResult[]> {
    const instances = this.instances();
    if (!instances)
      throw new BoardRequestError(409, 'This board knows no other instances: it has no option instances.');
    const { queue, kind } = command;
    const change = { by, queue, verbs: VERBS[kind], what: `${described(command)} in all instances` };
    return this.logged(change, () => instances.command(command, by));
  }

  /** Starts a redrive. @param ended called at its end @throws BoardRequestError */
  redrive(request: RedriveRequest, ended: (redrive: ShownRedrive) => void = () => {}): ShownRedrive {
    const { by, queue, choice, rate } = request;
    const pace = rate === undefined ? '' : `, at most ${rate} per second`;
    const started = this.redrives.start(request, (redrive) => {
      this.parked.forget(request);
      const { redriven, kept, failed, state, reason } = redrive;
      const end = `${redriven} sent, ${kept} left, ${failed} could not be sent${reason === undefined ? '' : `: ${reason}`}`;
      this.logger.log(`The redrive ${redrive.id} of queue '${queue}' by ${by} is ${state}: ${end}`, {
        queue,
        user: by,
      });
      ended(redrive);
    });
    this.logger.log(`${by} sends ${chosenIn(choice)} back to queue '${queue}'${pace} (redrive ${started.id})`, {
      queue,
      user: by,
    });
    return started;
  }

  /**
   * Changes a parked message and sends it back, as a redrive of one message. Resolves when the broker has it in its queue.
   *
   * @throws BoardRequestError if the message must not be changed so, is not parked any more, or could not be sent
   */
  async edit(address: QueueAddress, key: string, change: TextEdit, by: string): Promise<ShownRedrive> {
    const choice = await this.parked.edit(address, key, change);
    const request = { ...address, choice, rate: undefined, by };
    const redrive = await new Promise<ShownRedrive>((resolve) => this.redrive(request, resolve));
    const { redriven, failed, reason } = redrive;
    if (redriven === 1) return redrive;
    if (reason === undefined && failed === 0) throw goneError();
    throw new BoardRequestError(503, `It is parked still: ${reason ?? 'the log of the application tells why'}.`);
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
      this.logger.log(`${by} ${verbs[1]} ${what}${told(result)}`, { queue, user: by });
      return result;
    } catch (error) {
      this.logger.warn(`${by} could not ${verbs[0]} ${what}: ${describeError(error)}`, { queue, user: by });
      throw error;
    }
  }
}

/** Returns the messages of a redrive in words. */
function chosenIn(choice: RedriveRequest['choice']): string {
  switch (choice.kind) {
    case 'all':
      return 'all parked messages';
    case 'group':
      return 'a group of parked messages';
    case 'messages':
      return 'selected messages';
    case 'edited': {
      const { messageId, edit } = choice;
      const name = messageId === undefined ? 'a parked message without id' : inLog(`the parked message '${messageId}'`);
      return `${name} with ${describeEdit(edit)}`;
    }
  }
}

function described(command: ConsumerCommand): string {
  const consumer = `the consumer ${command.handler} of queue '${command.queue}'`;
  if (command.kind !== 'adjust') return consumer;
  const { prefetch, concurrency } = command;
  return `${consumer} to prefetch ${prefetch || Infinity} and concurrency ${concurrency || Infinity}`;
}

/** Returns the result of a change for the log: a number, or what became of a command at each instance. */
function told(result: unknown): string {
  if (typeof result === 'number') return `: ${result}`;
  if (!Array.isArray(result)) return '';
  const results = result as readonly InstanceResult[];
  const counts = (['done', 'absent', 'failed', 'silent'] as const).map((outcome) => {
    const these = results.filter((one) => one.outcome === outcome);
    const names = outcome === 'failed' || outcome === 'silent' ? these.map(({ host, pid }) => `${host}/${pid}`) : [];
    return these.length === 0
      ? ''
      : inLog(`${these.length} ${outcome}${names.length > 0 ? ` (${names.join(', ')})` : ''}`);
  });
  return `: ${counts.filter(Boolean).join(', ')}`;
}
