import type { Clock } from '../../../lib/environment/index.js';
import { FieldLogger } from '../../common/field-logger.js';
import { describeError } from '../../common/log-text.js';
import { ManagementError, type ManagementApi } from '../management/management-api.js';
import type { KnownQueue } from './queue-counts.js';
import { Rounds } from './rounds.js';

/** Ms between two rounds. RabbitMQ renews its own numbers as often (`collect_statistics_interval`). */
const EVERY = 5_000;
/** Maximum characters of the names in one request: brokers accept request lines of 8,000 bytes. */
const MAX_NAMES = 4_000;
const COLUMNS = 'name,messages_ready,messages_unacknowledged,consumers,head_message_timestamp';

/** The properties of a queue that a passive declare does not tell. */
export interface QueueDetail {
  readonly ready: number | undefined;
  readonly unacked: number | undefined;
  readonly consumers: number | undefined;
  /** The time that the oldest ready message has in its property `timestamp`, ms since 1970. */
  readonly oldest: number | undefined;
}

/** The virtual host of one connection's queues, and their names at the broker. */
export interface BrokerNames {
  /** Undefined while the connection has no link. */
  readonly vhost: string | undefined;
  readonly queue: (name: string) => string;
}

/**
 * Reads the numbers of the application's queues from management APIs, from `begin()` to `end()`. A request names the queues that
 * it asks for, so that a broker with many others does not count them.
 */
export class QueueDetails {
  private readonly logger = new FieldLogger('AmqpBoard');
  private readonly details = new Map<string, QueueDetail>();
  private readonly problems = new Map<string, string>();
  private readonly rounds: Rounds;

  /** @param apis by the name of the connection */
  constructor(
    clock: Pick<Clock, 'after'>,
    private readonly apis: () => ReadonlyMap<string, ManagementApi>,
    private readonly queues: () => readonly KnownQueue[],
    private readonly namesOf: (connection: string) => BrokerNames,
  ) {
    this.rounds = new Rounds(clock, EVERY, (signal) => this.round(signal));
  }

  begin(): void {
    if (this.apis().size > 0) this.rounds.begin();
  }

  end(): void {
    this.rounds.end();
    this.details.clear();
  }

  of({ connection, name }: KnownQueue): QueueDetail | undefined {
    return this.details.get(keyOf(connection, name));
  }

  /** Returns undefined without any API, and otherwise why there are no numbers. */
  get state(): { readonly problem: string | undefined } | undefined {
    if (this.apis().size === 0) return undefined;
    const told = [...this.problems].map(([connection, reason]) =>
      this.apis().size === 1 ? reason : `${connection}: ${reason}`,
    );
    return { problem: told.length === 0 ? undefined : told.join('; ') };
  }

  private async round(signal: AbortSignal): Promise<void> {
    const known = this.queues();
    await Promise.all([...this.apis()].map(([connection, api]) => this.ask(connection, api, known, signal)));
  }

  private async ask(connection: string, api: ManagementApi, known: readonly KnownQueue[], signal: AbortSignal) {
    const { vhost, queue } = this.namesOf(connection);
    const names = known.filter((one) => one.connection === connection).map(({ name }) => name);
    if (vhost === undefined || names.length === 0) return;
    try {
      const found = new Map<string, QueueDetail>();
      for (const part of partsOf(names.map(queue))) {
        for (const one of await api.list(pathOf(vhost, part), signal)) found.set(String(one['name']), detailOf(one));
      }
      if (signal.aborted) return;
      this.problems.delete(connection);
      for (const name of names) {
        const detail = found.get(queue(name));
        if (detail) this.details.set(keyOf(connection, name), detail);
        else this.details.delete(keyOf(connection, name));
      }
    } catch (error) {
      if (signal.aborted) return;
      for (const name of names) this.details.delete(keyOf(connection, name));
      const reason = error instanceof ManagementError ? error.message : describeError(error);
      if (this.problems.get(connection) === reason) return;
      this.problems.set(connection, reason);
      this.logger.warn(`The management API of connection '${connection}' tells nothing: ${reason}`, { connection });
    }
  }
}

const keyOf = (connection: string, queue: string): string => `${connection}\n${queue}`;

/** Splits names into parts that fit into a request. */
function partsOf(names: readonly string[]): string[] {
  const parts: string[] = [];
  for (const name of new Set(names)) {
    const next = escaped(name);
    const last = parts.at(-1);
    if (last !== undefined && encodeURIComponent(`${last}|${next}`).length <= MAX_NAMES)
      parts[parts.length - 1] = `${last}|${next}`;
    else parts.push(next);
  }
  return parts;
}

/** In a regular expression of the broker (PCRE), a backslash makes any punctuation stand for itself. */
const escaped = (name: string): string => name.replace(/[!-/:-@[-`{-~]/g, String.raw`\$&`);

function pathOf(vhost: string, names: string): string {
  const query = new URLSearchParams({
    page: '1',
    page_size: '500',
    use_regex: 'true',
    name: `^(?:${names})$`,
    columns: COLUMNS,
  });
  return `queues/${encodeURIComponent(vhost)}?${query.toString()}`;
}

function detailOf(queue: Readonly<Record<string, unknown>>): QueueDetail {
  const number = (name: string): number | undefined => {
    const value = queue[name];
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
  };
  const head = number('head_message_timestamp');
  return {
    ready: number('messages_ready'),
    unacked: number('messages_unacknowledged'),
    consumers: number('consumers'),
    // The property is in seconds (section 1.3.1 of AMQP 0-9-1).
    oldest: head === undefined ? undefined : head * 1_000,
  };
}
