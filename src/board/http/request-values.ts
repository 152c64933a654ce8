import { Buffer } from 'node:buffer';
import { PREFETCH_MAX } from '../../common/count.js';
import { BoardRequestError } from '../board.errors.js';
import type { ConsumerCommand } from '../instances/instance-messages.js';
import type { TextEdit } from '../parked/edits.js';
import type { RedriveChoice } from '../parked/redrives.js';
import type { QueueAddress } from '../parked/queue-address.js';

/** Maximum number of messages of a page, and of a selection. */
const MAX_PAGE = 200;
const MAX_SELECTION = 1_000;
/** The name of a header has at most 255 bytes (section 4.2.5.5 of AMQP 0-9-1). */
const MAX_HEADER = 255;

/** Reads values of a request, which anybody may have made. Every method throws BoardRequestError for a wrong one. */
export class RequestValues {
  private readonly values: Readonly<Record<string, unknown>>;

  /** @param given the query, or the body */
  constructor(given: unknown) {
    this.values = Object(given) as Record<string, unknown>;
  }

  text(name: string): string {
    const value = this.values[name];
    if (typeof value === 'string' && value !== '') return value;
    throw new BoardRequestError(400, `${name} must be a text that is not empty.`);
  }

  optionalText(name: string): string | undefined {
    const value = this.values[name];
    if (value === undefined || value === '') return undefined;
    return this.text(name);
  }

  /** Reads a whole number, also from the text of a query. */
  number(name: string, { min, max, otherwise }: { min: number; max: number; otherwise: number }): number {
    const value = Number(this.values[name] ?? otherwise);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new BoardRequestError(400, `${name} must be a whole number from ${min} to ${max}.`);
  }

  get address(): QueueAddress {
    return { connection: this.text('connection'), queue: this.text('queue') };
  }

  get page() {
    return {
      ...this.address,
      search: this.optionalText('search') ?? '',
      fresh: this.optionalText('fresh') === 'true',
      group: this.optionalText('group'),
      offset: this.number('offset', { min: 0, max: Number.MAX_SAFE_INTEGER, otherwise: 0 }),
      limit: this.number('limit', { min: 1, max: MAX_PAGE, otherwise: 50 }),
    };
  }

  get choice(): RedriveChoice {
    const kind = this.text('choice');
    if (kind === 'all') return { kind };
    if (kind === 'group') return { kind, group: this.text('group') };
    const { keys } = this.values;
    const isSelection = Array.isArray(keys) && keys.length > 0 && keys.every((key) => typeof key === 'string');
    if (kind === 'messages' && isSelection && keys.length <= MAX_SELECTION) return { kind, keys: keys as string[] };
    throw new BoardRequestError(
      400,
      `choice must be 'all', 'group' with a group, or 'messages' with 1 to ${MAX_SELECTION} keys.`,
    );
  }

  /** A change of a message. */
  get edit(): TextEdit {
    const { text, headers = {} } = this.values;
    if (text !== undefined && typeof text !== 'string') throw new BoardRequestError(400, 'text must be a text.');
    const isHeader = ([name, value]: [string, unknown]): boolean =>
      name !== '' && Buffer.byteLength(name) <= MAX_HEADER && (value === null || typeof value === 'string');
    if (typeof headers !== 'object' || headers === null || !Object.entries(headers).every(isHeader)) {
      throw new BoardRequestError(
        400,
        `headers must have names of 1 to ${MAX_HEADER} bytes, each with a text or null.`,
      );
    }
    return { text, headers: headers as TextEdit['headers'] };
  }

  /** A change of a consumer. */
  command(kind: ConsumerCommand['kind']): ConsumerCommand {
    const consumer = { handler: this.text('handler'), queue: this.text('queue') };
    if (kind !== 'adjust') return { kind, ...consumer };
    const value = (name: string, max: number) => this.number(name, { min: 0, max, otherwise: 0 });
    const limits = {
      prefetch: value('prefetch', PREFETCH_MAX),
      concurrency: value('concurrency', Number.MAX_SAFE_INTEGER),
    };
    return { kind, ...consumer, ...limits };
  }

  /** Returns true if the change concerns all instances. */
  get everywhere(): boolean {
    return this.values['everywhere'] === true;
  }

  /** Messages per second; undefined for no limit. */
  get rate(): number | undefined {
    const value = this.values['rate'];
    return value === undefined || value === null ? undefined : this.number('rate', { min: 1, max: 1e6, otherwise: 1 });
  }
}
