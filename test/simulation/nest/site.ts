import type { EmbeddedBroker, JournalEntry } from '../../../lib/broker/index.js';
import { simulatedBroker } from '../simulated-broker.js';
import { connect, type Connection, type ConnectionOptions } from '../../../lib/client/index.js';
import { TAKEN_WITHIN } from '../../../src/delay/staircase.js';
import { isDue } from '../../../src/delay/without-delay.js';
import { Network } from '../engine/network.js';
import { Rate, type Oracle } from '../engine/oracle.js';
import type { Prng } from '../engine/prng.js';
import type { Trace } from '../engine/trace.js';
import type { VirtualClock } from '../engine/virtual-clock.js';
import type { Wire } from '../engine/wire.js';
import type { Ledger } from './ledger.js';
import { numberIn } from './messages.js';
import { FAIR_WEATHER, type NestSettings } from './steps.js';

/** Reply codes for clients that violate the protocol. */
const PROTOCOL_ERRORS: ReadonlySet<number> = new Set([501, 502, 503, 504, 505, 530, 540, 541]);

/**
 * Registrations of consumers on one channel within a minute, at most. A consumer that was cancelled stays in the state of
 * a quorum queue until its messages are settled, and RabbitMQ before 3.13 may lose the messages of more than 32.
 */
const MAX_REGISTRATIONS = 12;

/** The beginning of the names of queues from which delayed messages go to their destination. */
export const LANDING = 'nest-amqp.delay.to.';

/** The broker and the network before it. Reports the events of both to the ledger. */
export class Site {
  readonly network: Network;
  readonly broker: EmbeddedBroker;
  /** The queue of the services was deleted while nobody consumed it. */
  deletedUnwatched = false;
  /** Delayed messages that applications have taken when they were due. */
  private readonly taken = new Set<number>();
  /** By channel. */
  private readonly registrations = new Map<string, Rate>();
  /** The prefetch of the next consumer, by channel, and of each consumer, by connection and queue. */
  private readonly prefetches = new Map<string, number>();
  /** The name of each connection. */
  private readonly names = new Map<number, string | undefined>();
  /** The newest connection of each name. The client has given up an older one, even if the broker has not noticed. */
  private readonly newest = new Map<string | undefined, number>();
  /** Connections that have consumed the queue of the services. */
  private readonly watchers = new Set<number>();

  constructor(
    private readonly clock: VirtualClock,
    private readonly random: Prng,
    private readonly settings: NestSettings,
    private readonly oracle: Oracle,
    private readonly ledger: Ledger,
    private readonly trace: Trace,
  ) {
    this.broker = simulatedBroker(clock, random, oracle, trace);
    this.network = new Network(clock, random.split('network'), FAIR_WEATHER, 1, (_, socket) =>
      this.broker.attach(socket),
    );
    this.broker.journal.watch((entry) => this.onEntry(entry));
  }

  /** Returns the options with which a user connects. @param onWire called with each new wire */
  connection(owner: string, onWire: (wire: Wire) => void): Omit<ConnectionOptions, 'urls' | 'connectionName'> {
    const { heartbeat, rpcTimeout } = this.settings;
    return {
      heartbeat,
      rpcTimeout,
      connectTimeout: 2_000,
      reconnect: { initialDelay: 100, maxDelay: 2_000 },
      clock: this.clock.for(owner),
      random: this.random.split(owner),
      createSocket: async (_, signal) => {
        const wire = await this.network.connect(0, signal);
        onWire(wire);
        return wire.client;
      },
    };
  }

  /** Opens a connection for an operator's work. It belongs to no application. */
  operator(name: string): Promise<Connection> {
    return connect({
      urls: 'amqp://node0',
      connectionName: name,
      clock: this.clock.for(name),
      random: this.random.split(name),
      reconnect: false,
      createSocket: async (_, signal) => (await this.network.connect(0, signal)).client,
    });
  }

  private onDeletion(queue: string): void {
    this.ledger.onDeleted(queue);
    const there = this.broker.queues.find(({ name }) => name === queue);
    const watched = [...this.watchers].some((watcher) => this.newest.get(this.names.get(watcher)) === watcher);
    if (queue === 'micro' && (there?.consumers === 0 || !watched)) this.deletedUnwatched = true;
  }

  /** The prefetch with which the broker knows the consumer of this queue, on the newest connection of that name. */
  prefetchOf(connectionName: string, queue: string): number | undefined {
    return this.prefetches.get(`${this.newest.get(connectionName)} ${queue}`);
  }

  private onConsume(connection: number, number: number, args: object): void {
    const { queue } = args as { queue: string };
    if (queue === 'micro') this.watchers.add(connection);
    const channel = `${connection}/${number}`;
    this.prefetches.set(`${connection} ${queue}`, this.prefetches.get(channel) ?? 0);
    let rate = this.registrations.get(channel);
    if (!rate) this.registrations.set(channel, (rate = new Rate(MAX_REGISTRATIONS, 60_000)));
    const count = rate.hit(this.clock.now);
    if (count !== undefined)
      this.oracle.fail('storm', `${count} consumers are registered on ${channel} within a minute`);
  }

  private onEntry(entry: JournalEntry): void {
    if (this.trace.wanted) this.trace.add('broker', lineOf(entry));
    switch (entry.kind) {
      case 'connected':
        this.names.set(entry.connection, entry.name);
        this.newest.set(entry.name, entry.connection);
        return this.oracle.count('connected');
      case 'method':
        if (entry.name === 'queue.delete') this.onDeletion((entry.args as { queue: string }).queue);
        if (entry.name === 'basic.qos') this.prefetches.set(`${entry.connection}/${entry.channel}`, (entry.args as { prefetchCount: number }).prefetchCount); // prettier-ignore
        if (entry.name === 'basic.consume') this.onConsume(entry.connection, entry.channel, entry.args);
        return;
      case 'published': {
        const { outcome, exchange, routingKey } = entry;
        const n = numberIn(entry.message.properties);
        // A message that is refused or nacked on its way to a retry is tried again later.
        if (outcome !== 'routed' || n < 0) this.ledger.disturbed ||= exchange === '' && /\.(retry|parked)/.test(routingKey); // prettier-ignore
        // A delayed message that is due was published before.
        if (n < 0 || isDue(exchange, entry.message.properties)) return;
        return this.ledger.onPublished(n, entry.message.properties.messageId, outcome, routingKey);
      }
      case 'failed': {
        const { connection, channel, replyCode, replyText } = entry;
        this.oracle.count(`failed: ${replyCode}`);
        const blamed = PROTOCOL_ERRORS.has(replyCode) || replyText.includes('unknown delivery tag');
        return this.oracle.check(!blamed, 'protocol', () => `the broker closes ${connection}/${channel}: ${replyCode} ${replyText}`); // prettier-ignore
      }
      case 'delivered':
        if (!entry.queue.startsWith(LANDING) || entry.redelivered) return;
        this.taken.add(numberIn(entry.message.properties));
        // The application's consumer may have been lost when it became due.
        return this.ledger.onDue(numberIn(entry.message.properties), this.ledger.disturbed ? TAKEN_WITHIN : 0);
      case 'died':
        if (!entry.queue.startsWith(LANDING) || this.taken.has(numberIn(entry.message.properties))) return;
        return this.ledger.onDue(numberIn(entry.message.properties), TAKEN_WITHIN);
      case 'disconnected':
        this.watchers.delete(entry.connection);
        this.ledger.disturbed = true;
    }
  }
}

function lineOf(entry: JournalEntry): string {
  switch (entry.kind) {
    case 'connected':
      return `connected ${entry.connection} ${entry.name}`;
    case 'method':
      return `${entry.connection}/${entry.channel} ${entry.name} ${brief(entry.args)}`;
    case 'published': {
      const { connection, channel, outcome, queues, exchange, routingKey, message } = entry;
      return `${connection}/${channel} published ${numberIn(message.properties)} to '${exchange}' '${routingKey}': ${outcome} ${queues.join()}`;
    }
    case 'delivered': {
      const { connection, channel, queue, redelivered, message } = entry;
      return `${connection}/${channel} delivers ${numberIn(message.properties)} of ${queue}${redelivered ? ' again' : ''}`;
    }
    case 'settled':
      return `${entry.connection}/${entry.channel} settled ${numberIn(entry.message.properties)} of ${entry.queue}: ${entry.outcome}`;
    case 'died':
      return `died in ${entry.queue}: ${numberIn(entry.message.properties)}, ${entry.reason}, to ${entry.queues.join()}`;
    case 'failed':
      return `${entry.connection}/${entry.channel} fails: ${entry.replyCode} ${entry.replyText}`;
    case 'disconnected':
      return `disconnected ${entry.connection}: ${entry.reason}`;
    case 'fault':
      return `fault: ${entry.fault}, ${entry.detail}`;
    case 'refused':
      return `refuses ${entry.connection}`;
  }
}

function brief(args: object): string {
  return JSON.stringify(args, (_, value: unknown) => (value === false || value === '' ? undefined : value));
}
