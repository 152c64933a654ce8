import type { Buffer } from 'node:buffer';
import type { Clock } from '../../lib/environment/index.js';
import type { EmbeddedBroker, EntryOf } from '../../lib/broker/index.js';
import type { MessageProperties } from '../../lib/client/index.js';
import { beforeDelay, isDue } from '../delay/without-delay.js';
import { delayQueuePrefix, parkedQueueName } from '../settlement/retry/settlement-queue-names.js';
import { RETRY_HEADER } from '../settlement/retry/retry-state.js';
import { describeValue } from '../common/described-value.js';
import type { AttachedApps } from './attached-apps.js';
import { matches } from './matching.js';
import { HarnessTimeoutError } from './testing.errors.js';

/**
 * A message that an application has published.
 *
 * @publicApi
 */
export interface PublishedMessage {
  /** `''` for the default exchange. */
  readonly exchange: string;
  /** The routing key. */
  readonly routingKey: string;
  /** Decoded by content type; the bytes if decoding fails. */
  readonly payload: unknown;
  /** The bytes of the message. */
  readonly body: Buffer;
  /** The headers; empty if there are none. */
  readonly headers: NonNullable<MessageProperties['headers']>;
  /** The properties of the message, with its headers. */
  readonly properties: MessageProperties;
  /** True if the broker returns the message when no queue is bound for it. */
  readonly mandatory: boolean;
  /** Time from the publish until the broker sends it to its exchange, in ms; 0 for none. A multiple of 125. */
  readonly delay: number;
  /** Virtual host of the connection. */
  readonly vhost: string;
  /** The queues that got the message. */
  readonly queues: readonly string[];
  /** `unroutable`: no queue is bound. `refused`: a queue is full. `nacked` and `returned`: caused by a fault. */
  readonly outcome: 'routed' | 'unroutable' | 'refused' | 'nacked' | 'returned';
}

/**
 * Selects messages whose properties match all given ones. A string must be equal, a RegExp must match, and a function
 * must return true. Matchers such as `expect.objectContaining()` work as usual. An object must contain at least the
 * given properties.
 *
 * @publicApi
 */
export type PublishedMatch = { readonly [K in keyof PublishedMessage]?: unknown };

const OUTCOMES = Object.keys({
  routed: 0,
  unroutable: 0,
  refused: 0,
  nacked: 0,
  returned: 0,
} satisfies Record<PublishedMessage['outcome'], 0>);

const MATCHED = Object.keys({
  exchange: 0,
  routingKey: 0,
  payload: 0,
  body: 0,
  headers: 0,
  properties: 0,
  mandatory: 0,
  delay: 0,
  vhost: 0,
  queues: 0,
  outcome: 0,
} satisfies Record<keyof PublishedMessage, 0>);

/** The messages that applications have published, as the broker received them. */
export class PublishedMessages {
  /** By number of the connection. */
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

  /** @throws TypeError for a property or an outcome that messages do not have */
  find(match: PublishedMatch): PublishedMessage[] {
    refuseUnknown(match);
    return this.broker.journal
      .of('published', isOfTheApplication)
      .map((entry) => this.messageOf(entry))
      .filter((message) => matches(message, match));
  }

  /**
   * Resolves with a message that exists, else with the next one. @throws HarnessTimeoutError after `timeout` ms @throws
   * TypeError as `find` does
   */
  async next(match: PublishedMatch, timeout: number): Promise<PublishedMessage> {
    const { journal } = this.broker;
    const end = this.clock.now() + timeout;
    for (;;) {
      // This runs outside of the broker's work, since functions of the test may throw.
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
    const there = this.find({}).map(({ exchange, routingKey }) =>
      exchange === '' ? `to queue '${routingKey}'` : `'${routingKey}' to exchange '${exchange}'`,
    );
    return `what was: ${there.slice(-10).join(', ') || 'nothing'}`;
  }

  private messageOf(entry: EntryOf<'published'>): PublishedMessage {
    const { routingKey, message, mandatory, queues, outcome, connection } = entry;
    const { body } = message;
    const { exchange, properties, delay } = beforeDelay(entry.exchange, message.properties);
    const vhost = this.vhosts.get(connection) ?? '/';
    return {
      exchange,
      routingKey,
      payload: this.apps.decode(vhost, body, properties),
      body,
      headers: properties.headers ?? {},
      properties,
      mandatory,
      delay,
      vhost,
      queues,
      outcome,
    };
  }
}

/**
 * Excludes messages of the test, copies on their way to a retry or parked queue, which belong to an outcome, and delayed
 * messages that are due, which were published before.
 */
function isOfTheApplication({ connection, exchange, routingKey, message }: EntryOf<'published'>): boolean {
  if (connection === 0 || isDue(exchange, message.properties)) return false;
  const state = exchange === '' ? message.properties.headers?.[RETRY_HEADER] : undefined;
  const queue = typeof state === 'object' && state !== null && 'queue' in state ? state['queue'] : undefined;
  if (typeof queue !== 'string') return true;
  return routingKey !== parkedQueueName(queue) && !routingKey.startsWith(delayQueuePrefix(queue));
}

/** Refuses misspelt properties and outcomes, which would match every message or none. */
function refuseUnknown(match: PublishedMatch): void {
  if (typeof match !== 'object' || match === null) {
    throw new TypeError(`published: match is ${describeValue(match)}; give an object with ${MATCHED.join(', ')}`);
  }
  const unknown = Object.keys(match).find((name) => !MATCHED.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`published: messages have no '${unknown}'; match by ${MATCHED.join(', ')}`);
  }
  const { outcome } = match;
  if (typeof outcome === 'string' && !OUTCOMES.includes(outcome)) {
    throw new TypeError(`published: there is no outcome '${outcome}'; known are ${OUTCOMES.join(', ')}`);
  }
}
