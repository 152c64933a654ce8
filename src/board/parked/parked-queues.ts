import type { Clock } from '../../../lib/environment/index.js';
import type { AmqpConsumerRegistry } from '../../consumers/lifecycle/consumer.registry.js';
import type { ParkedMessage } from '../../settlement/parking/parked-message.js';
import type { ParkingLot } from '../../settlement/parking/parking-lot.js';
import { BoardRequestError } from '../board.errors.js';
import type { Edits, TextEdit } from './edits.js';
import { keyOf } from './failure-group.js';
import { ParkedLook, type ParkedPage, type ShownGroup } from './parked-look.js';
import { handlersOf, keyOfQueue, type QueueAddress } from './queue-address.js';
import type { EditedMessage, Redrives } from './redrives.js';
import type { Turns } from './turns.js';
import { wholeMessage, type WholeMessage } from './whole-message.js';

/** Maximum number of messages of one look. */
export const MOST_LOOKED_AT = 10_000;
/** Number of looks that are kept, each for so many ms. */
const KEPT = 5;
const KEPT_FOR = 300_000;

export interface PageRequest extends QueueAddress {
  /** A text that a message contains: in its body, its id, its routing key or its error. Empty for all. */
  readonly search: string;
  /** True for a new look, false for the last one if it is not too old. */
  readonly fresh: boolean;
  readonly group: string | undefined;
  readonly offset: number;
  readonly limit: number;
}

/** The answer to a {@link PageRequest}. */
export interface ShownParked extends ParkedPage {
  /** Time of the look, ms since 1970. */
  readonly at: number;
  /** Number of parked messages. */
  readonly total: number;
  /** Number of messages that were looked at; less than `total` if there are too many. */
  readonly seen: number;
  readonly groups: readonly ShownGroup[];
  /** Time of the first failure of the messages that fit, ms since 1970. */
  readonly oldest: number | undefined;
}

/** Looks at parked queues. Pages come from the summaries of the last look, which cost the broker nothing. */
export class ParkedQueues {
  private readonly looks = new Map<string, ParkedLook>();

  constructor(
    private readonly clock: Pick<Clock, 'wallTime'>,
    private readonly lot: ParkingLot,
    private readonly consumers: Pick<AmqpConsumerRegistry, 'list'>,
    private readonly redrives: Redrives,
    private readonly turns: Turns,
    /** Undefined if messages must not be edited. */
    private readonly edits: Edits | undefined,
    /** Called with each queue whose parked queue was found by a look. */
    private readonly found: (queue: string) => void = () => {},
  ) {}

  /** @throws NotFoundError if there is no such queue; BoardRequestError while a redrive has its messages */
  async page(request: PageRequest): Promise<ShownParked> {
    const { group, offset, limit } = request;
    const look = await this.look(request);
    const { at, total, seen, groups, oldest } = look;
    return { at, total, seen, groups, oldest, ...look.page(group, offset, limit) };
  }

  /** Reads one message in full. @throws BoardRequestError if it is not parked any more */
  async message(address: QueueAddress, key: string): Promise<WholeMessage> {
    const message = await this.find(address, key);
    return wholeMessage(message, this.edits?.offer(address, message));
  }

  /** Returns a change of a message that it may have. @throws BoardRequestError if it may not, or is not parked any more */
  async edit(address: QueueAddress, key: string, change: TextEdit): Promise<EditedMessage> {
    if (!this.edits) throw new BoardRequestError(403, 'Messages cannot be edited: the board has no option edit.');
    const message = await this.find(address, key);
    const edit = await this.edits.of(address, message, change);
    return { kind: 'edited', key, messageId: message.messageId, edit };
  }

  /** Forgets the looks at a queue whose messages have changed. */
  forget(address: QueueAddress): void {
    for (const key of this.looks.keys()) if (key.startsWith(keyOfQueue(address))) this.looks.delete(key);
  }

  private async find(address: QueueAddress, key: string): Promise<ParkedMessage> {
    let found: ParkedMessage | undefined;
    await this.read(address, (message) => {
      if (keyOf(message) === key) found = message;
      return found === undefined;
    });
    if (found) return found;
    throw goneError();
  }

  private async look(request: PageRequest): Promise<ParkedLook> {
    const { queue, search, fresh } = request;
    const key = keyOfQueue(request) + search;
    const known = this.looks.get(key);
    const now = this.clock.wallTime();
    if (known && !fresh && now - known.at < KEPT_FOR) return known;
    const look = new ParkedLook(now, handlersOf(this.consumers, queue));
    const matches = search === '' ? () => true : matcher(search);
    look.total = await this.read(request, (message) => {
      look.seen++;
      if (matches(message)) look.add(message);
      return true;
    });
    this.found(queue);
    this.looks.delete(key);
    this.looks.set(key, look);
    for (const old of this.looks.keys()) if (this.looks.size > KEPT) this.looks.delete(old);
    return look;
  }

  private read(address: QueueAddress, see: (message: ParkedMessage) => boolean): Promise<number> {
    const { connection, queue } = address;
    if (this.redrives.isRunning(address)) {
      throw new BoardRequestError(409, 'A redrive is under way, which has the messages. Look again when it is done.');
    }
    return this.turns.run(keyOfQueue(address), () => this.lot.look(queue, { connection, limit: MOST_LOOKED_AT }, see));
  }
}

/** The error for a message that somebody else has sent back or deleted. */
export const goneError = (): BoardRequestError =>
  new BoardRequestError(404, 'The message is not parked any more: it was sent back or deleted.');

function matcher(search: string): (message: ParkedMessage) => boolean {
  const words = search.toLowerCase();
  const has = (text: string | undefined): boolean => text?.toLowerCase().includes(words) === true;
  return ({ body, messageId, routingKey, lastFailure }) =>
    body.includes(search) || has(messageId) || has(routingKey) || has(lastFailure?.message);
}
