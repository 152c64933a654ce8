import type { Buffer } from 'node:buffer';
import type { Clock } from '../../lib/environment/index.js';
import type { EmbeddedBroker, EntryOf } from '../../lib/broker/index.js';
import type { MessageProperties } from '../../lib/client/index.js';
import { delayQueuePrefix, parkedQueueName } from '../settlement/retry/settlement-queue-names.js';
import { RETRY_HEADER } from '../settlement/retry/retry-state.js';
import type { AttachedApps } from './attached-apps.js';
import { matches } from './matching.js';
import { HarnessTimeoutError } from './testing.errors.js';

/**
 * A message that an application has published.
 *
 * @publicApi
 */
export interface PublishedMessage {
  /** Empty for the default exchange. */
  readonly exchange: string;
  readonly routingKey: string;
  /** Decoded by its content type; the bytes where that fails. */
  readonly payload: unknown;
  readonly body: Buffer;
  readonly headers: NonNullable<MessageProperties['headers']>;
  readonly properties: MessageProperties;
  readonly mandatory: boolean;
  /** The virtual host. */
  readonly vhost: string;
  /** The queues that it went to. */
  readonly queues: readonly string[];
  /** `unroutable`: no queue is bound. `refused`: one of the queues is full. `nacked`, `returned`: by a fault. */
  readonly outcome: 'routed' | 'unroutable' | 'refused' | 'nacked' | 'returned';
}

/**
 * Which messages: all whose properties match those that are given. Text is equal, a RegExp fits, a function says yes,
 * matchers such as `expect.objectContaining()` do as they do; objects have at least the properties given.
 *
 * @publicApi
 */
export type PublishedMatch = { readonly [K in keyof PublishedMessage]?: unknown };

const MATCHED = Object.keys({
  exchange: 0,
  routingKey: 0,
  payload: 0,
  body: 0,
  headers: 0,
  properties: 0,
  mandatory: 0,
  vhost: 0,
  queues: 0,
  outcome: 0,
} satisfies Record<keyof PublishedMessage, 0>);

/** What the applications have published, as the broker saw it. */
export class PublishedMessages {
  /** By the number of the connection. */
  private readonly vhosts = new Map<number, string>();

  constructor(
    private readonly broker: EmbeddedBroker,
    private readonly apps: AttachedApps,
    private readonly clock: Pick<Clock, 'now'>,
  ) {
    broker.journal.watch((entry) => {
      if (entry.kind === 'connected') this.vhosts.set(entry.connection, entry.vhost);
    });
  }

  /** @throws TypeError for a property that messages do not have */
  find(match: PublishedMatch): PublishedMessage[] {
    refuseUnknown(match);
    return this.broker.journal
      .of('published', isOfTheApplication)
      .map((entry) => this.messageOf(entry))
      .filter((message) => matches(message, match));
  }

  /** One that is there, else the next. @throws HarnessTimeoutError after so many ms, TypeError likewise */
  async next(match: PublishedMatch, timeout: number): Promise<PublishedMessage> {
    const { journal } = this.broker;
    const end = this.clock.now() + timeout;
    for (;;) {
      // Here and not in the middle of the broker's work: the test's own functions may throw.
      const [first] = this.find(match);
      if (first) return first;
      const after = journal.entries.at(-1)?.sequence ?? 0;
      const left = Math.max(0, end - this.clock.now());
      await journal
        .next('published', () => true, { after, timeout: left })
        .catch(() => {
          throw new HarnessTimeoutError(`no such message was published within ${timeout} ms; ${this.describe()}`);
        });
    }
  }

  private describe(): string {
    const there = this.find({}).map(({ exchange, routingKey }) => `'${routingKey}' to '${exchange}'`);
    return `what was: ${there.slice(-10).join(', ') || 'nothing'}`;
  }

  private messageOf(entry: EntryOf<'published'>): PublishedMessage {
    const { exchange, routingKey, message, mandatory, queues, outcome, connection } = entry;
    const { body, properties } = message;
    const vhost = this.vhosts.get(connection) ?? '/';
    return {
      exchange,
      routingKey,
      payload: this.apps.decode(vhost, body, properties),
      body,
      headers: properties.headers ?? {},
      properties,
      mandatory,
      vhost,
      queues,
      outcome,
    };
  }
}

/** Not put in by the test, and not on its way to a retry or a parked queue: that is a message's outcome. */
function isOfTheApplication({ connection, exchange, routingKey, message }: EntryOf<'published'>): boolean {
  if (connection === 0) return false;
  const state = exchange === '' ? message.properties.headers?.[RETRY_HEADER] : undefined;
  const queue = typeof state === 'object' && state !== null && 'queue' in state ? state['queue'] : undefined;
  if (typeof queue !== 'string') return true;
  return routingKey !== parkedQueueName(queue) && !routingKey.startsWith(delayQueuePrefix(queue));
}

/** A misspelt one would match every message, or none. */
function refuseUnknown(match: PublishedMatch): void {
  const unknown = Object.keys(match).find((name) => !MATCHED.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`published: messages have no '${unknown}'; match by ${MATCHED.join(', ')}`);
  }
}
