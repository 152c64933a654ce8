import type { Clock } from '../../../lib/environment/index.js';
import { describeError } from '../../common/log-text.js';
import type { AmqpConsumerRegistry } from '../../consumers/lifecycle/consumer.registry.js';
import type { ParkedEdit } from '../../settlement/parking/parked-edit.js';
import type { ParkedMessage } from '../../settlement/parking/parked-message.js';
import type { ParkingLot, RedriveProgress } from '../../settlement/parking/parking-lot.js';
import { BoardRequestError } from '../board.errors.js';
import { groupOf, keyOf } from './failure-group.js';
import { handlersOf, keyOfQueue, type QueueAddress } from './queue-address.js';
import type { Turns } from './turns.js';

/** Number of redrives that are shown. */
const KEPT = 20;
/** Maximum number of messages that a redrive of some of them reads. */
const SCAN = 100_000;

/** The messages of a redrive. */
export type RedriveChoice =
  | { readonly kind: 'all' }
  | { readonly kind: 'group'; readonly group: string }
  /** Keys of messages, or their message ids. */
  | { readonly kind: 'messages'; readonly keys: readonly string[] }
  | EditedMessage;

/** One message, which is changed. */
export interface EditedMessage {
  readonly kind: 'edited';
  readonly key: string;
  readonly messageId: string | undefined;
  readonly edit: ParkedEdit;
}

export interface RedriveRequest extends QueueAddress {
  readonly choice: RedriveChoice;
  /** Maximum number of messages per second; undefined for no limit. */
  readonly rate: number | undefined;
  /** The user. */
  readonly by: string;
}

/** A redrive as the page shows it. */
export interface ShownRedrive extends QueueAddress, RedriveProgress {
  readonly id: number;
  readonly by: string;
  readonly choice: RedriveChoice['kind'];
  /** `stopped`: by a user. `broken`: by an error. */
  readonly state: 'running' | 'done' | 'stopped' | 'broken';
  readonly reason: string | undefined;
  /** ms since 1970. */
  readonly begun: number;
  readonly ended: number | undefined;
}

interface Job {
  shown: ShownRedrive;
  readonly stop: AbortController;
}

/** The redrives that were started by the board: at most one at a time for each queue. */
export class Redrives {
  private readonly jobs: Job[] = [];
  private ids = 0;

  constructor(
    private readonly clock: Pick<Clock, 'wallTime'>,
    private readonly lot: ParkingLot,
    private readonly consumers: Pick<AmqpConsumerRegistry, 'list'>,
    private readonly turns: Turns,
  ) {}

  /** Returns the last redrives, newest first. */
  list(): readonly ShownRedrive[] {
    return this.jobs.map(({ shown }) => shown).reverse();
  }

  isRunning({ connection, queue }: QueueAddress): boolean {
    return this.jobs.some(({ shown }) => isRunning(shown) && shown.connection === connection && shown.queue === queue);
  }

  /**
   * Starts a redrive, which goes on by itself.
   *
   * @param ended called at its end
   * @throws BoardRequestError if one is running for this queue
   */
  start(request: RedriveRequest, ended: (redrive: ShownRedrive) => void): ShownRedrive {
    const { connection, queue, choice, by } = request;
    if (this.isRunning(request)) throw new BoardRequestError(409, 'A redrive of this queue is under way already.');
    const shown: ShownRedrive = {
      id: ++this.ids,
      connection,
      queue,
      by,
      choice: choice.kind,
      state: 'running',
      redriven: 0,
      kept: 0,
      failed: 0,
      total: numberOf(choice) ?? 0,
      reason: undefined,
      begun: this.clock.wallTime(),
      ended: undefined,
    };
    const job: Job = { shown, stop: new AbortController() };
    this.jobs.push(job);
    if (this.jobs.length > KEPT)
      this.jobs.splice(
        this.jobs.findIndex((old) => !isRunning(old.shown)),
        1,
      );
    void this.turns.run(keyOfQueue(request), () => this.run(job, request)).then(() => ended(job.shown));
    return shown;
  }

  /** @throws BoardRequestError if no such redrive is running */
  stop(id: number): ShownRedrive {
    const job = this.jobs.find(({ shown }) => shown.id === id && isRunning(shown));
    if (!job) throw new BoardRequestError(404, 'The redrive has ended already.');
    job.stop.abort();
    return job.shown;
  }

  /** Stops all redrives. */
  end(): void {
    for (const { stop } of this.jobs) stop.abort();
  }

  /** Never rejects. */
  private async run(job: Job, { connection, queue, choice, rate }: RedriveRequest): Promise<void> {
    const { signal } = job.stop;
    const update = (change: Partial<ShownRedrive>): void => void (job.shown = { ...job.shown, ...change });
    try {
      const result = await this.lot.redrive(queue, {
        connection,
        signal,
        ...this.chosen(queue, choice),
        ...(rate === undefined ? {} : { rate }),
        onProgress: (progress) => update({ ...progress, total: numberOf(choice) ?? progress.total }),
      });
      update({ ...result, state: signal.aborted ? 'stopped' : 'done' });
    } catch (error) {
      update({ state: 'broken', reason: describeError(error) });
    }
    update({ ended: this.clock.wallTime() });
  }

  private chosen(queue: string, choice: RedriveChoice) {
    switch (choice.kind) {
      case 'all':
        return { scan: Infinity };
      case 'group': {
        const handlers = handlersOf(this.consumers, queue);
        return { scan: SCAN, filter: (message: ParkedMessage) => groupOf(message, handlers).id === choice.group };
      }
      case 'messages': {
        const left = new Set(choice.keys);
        return {
          scan: SCAN,
          limit: left.size,
          filter: (message: ParkedMessage) => left.delete(keyOf(message)) || left.delete(message.messageId ?? ''),
        };
      }
      case 'edited': {
        const { edit } = choice;
        const left = new Set([choice.key]);
        return {
          scan: SCAN,
          limit: 1,
          filter: (message: ParkedMessage) => left.delete(keyOf(message)),
          edit: () => edit,
        };
      }
    }
  }
}

/** Returns the number of messages that were chosen; undefined if it is not known before they are read. */
function numberOf(choice: RedriveChoice): number | undefined {
  if (choice.kind === 'messages') return choice.keys.length;
  return choice.kind === 'edited' ? 1 : undefined;
}

const isRunning = ({ state }: ShownRedrive): boolean => state === 'running';
