import { Rate, type Oracle } from '../engine/oracle.js';
import type { PublishMessage } from '../../../lib/client/diagnostics.js';
import type { BasicPublishOptions, MessageProperties } from '../../../lib/client/index.js';
import { SAFE_QUEUES } from './steps.js';
import type { ConfirmWindow } from './window.js';

/** A message that a user has published or tried to publish. */
export interface Published {
  readonly id: number;
  /** The channel object, and the number of the publish on it. */
  readonly channel: string;
  readonly index: number;
  readonly exchange: string;
  readonly key: string;
  readonly mandatory: boolean;
  readonly persistent: boolean;
  readonly size: number;
  readonly mayRepeat: boolean;
  /** Another message has the same content. */
  readonly twin: boolean;
  /** The message was published in a transaction that was not committed. */
  rolledBack: boolean;
  promise: 'pending' | 'confirmed' | 'handed' | 'not-sent' | 'other';
  /** The broker's outcome for each arrival of the message. */
  readonly outcomes: string[];
  /** The opening of the channel on which the message came last. */
  opening?: string;
  /** How often the client has written the message. */
  writings: number;
  /** The user ended the publish before the client wrote it. */
  over?: boolean;
}

/** Requeues of one message within a minute, at most: each is a loss of its channel, and far fewer channels are lost. */
const MOST_REQUEUES = 200;

/** The identity of a delivery at the broker: wire, channel, number of the channel's opening, tag. */
export type DeliveryKey = string;

interface Delivered {
  readonly message: number;
  readonly queue: string;
  readonly noAck: boolean;
  readonly redelivered: boolean;
  readonly wire: number;
  readonly channel: number;
  readonly generation: number;
  readonly consumerTag: string;
  handed: boolean;
  settled: boolean;
}

interface Multiple {
  readonly tag: number;
  readonly outcome: 'ack' | 'reject' | 'requeue';
}

interface Intent {
  readonly outcome: string;
  /** The time at which the user settled, ms. */
  readonly at: number;
  /** The channel was open, so the broker must receive the settlement before the channel ends. */
  firm: boolean;
}

/** Messages, deliveries and settlements: compares the users' actions with the broker's events. */
export class Ledger {
  readonly messages = new Map<string, Published>();
  /** Consumers that may drop deliveries without acknowledgement: loops that the user has left. */
  readonly lossyTags = new Set<string>();
  readonly deliveries = new Map<DeliveryKey, Delivered>();
  /** Deliveries without acknowledgement, by message, oldest first. */
  private readonly noAckOf = new Map<number, DeliveryKey[]>();
  private readonly intents = new Map<DeliveryKey, Intent>();
  /** Deliveries that wait for their settlement, by the opening of their channel. */
  private readonly unsettled = new Map<string, Set<DeliveryKey>>();
  /** The confirm windows, by channel. */
  readonly windows = new Map<string, ConfirmWindow>();
  private readonly multiples = new Map<string, Multiple[]>();
  private readonly lastIndex = new Map<string, number>();
  /** Counts requeues that no user has asked for, by queue and message. */
  private readonly requeues = new Map<string, Rate>();
  /** Copies that each safe queue must have, by message. */
  private readonly kept = new Map<string, number>();
  private readonly firstDeliveries = new Map<string, number>();
  private nextId = 0;

  constructor(
    private readonly oracle: Oracle,
    private readonly now: () => number,
  ) {}

  newId(): number {
    return ++this.nextId;
  }

  add(message: Published): void {
    this.messages.set(nameOf(message.id, message.mandatory), message);
  }

  /** Returns the message with this id. Of twins, returns the one that is not mandatory. */
  find(id: number): Published | undefined {
    return this.messages.get(nameOf(id, false)) ?? this.messages.get(nameOf(id, true));
  }

  // Reports of the client to users.

  onConfirmed(message: Published): void {
    message.promise = 'confirmed';
    const good = message.outcomes.some((outcome) => outcome === 'routed' || (outcome === 'unroutable' && !message.mandatory)); // prettier-ignore
    this.oracle.check(good, 'confirmed', () => `${say(message)} was confirmed; the broker: ${outcomesOf(message)}`);
  }

  onNotSent(message: Published, error: string): void {
    message.promise = 'not-sent';
    // A message that was only nacked is certainly in no queue.
    const taken = message.outcomes.some((outcome) => outcome !== 'nacked');
    this.oracle.check(!taken, 'not-sent', () => `${say(message)} was told as not sent (${error}); the broker has had it: ${outcomesOf(message)}`); // prettier-ignore
  }

  onReturned(message: Published): void {
    message.promise = 'other';
    const came = message.outcomes.some((outcome) => outcome === 'returned' || outcome === 'unroutable');
    this.oracle.check(message.mandatory && came, 'outcome', () => `${say(message)} was told as returned; the broker: ${outcomesOf(message)}`); // prettier-ignore
  }

  onNacked(message: Published): void {
    message.promise = 'other';
    const nacked = message.outcomes.some((outcome) => outcome === 'nacked' || outcome === 'refused');
    this.oracle.check(nacked, 'outcome', () => `${say(message)} was told as nacked; the broker: ${outcomesOf(message)}`); // prettier-ignore
  }

  /** Notes that a delivery has reached a handler or a call of basicGet. */
  onHanded(key: DeliveryKey, id: number, queues: ReadonlySet<string>, what: string): void {
    const delivered = this.deliveries.get(key);
    if (!delivered) return this.oracle.fail('delivery', `${what}: the broker has made no delivery ${key}`);
    this.oracle.check(!delivered.handed, 'delivery', () => `${what}: delivery ${key} was handed out twice`);
    delivered.handed = true;
    this.oracle.check(delivered.message === id, 'delivery', () => `${what}: delivery ${key} is message ${delivered.message}, not ${id}`); // prettier-ignore
    this.oracle.check(queues.has(delivered.queue), 'delivery', () => `${what}: delivery ${key} is of queue '${delivered.queue}', not '${[...queues].join()}'`); // prettier-ignore
  }

  /** Returns whether the broker made this delivery, of this message. */
  hasDelivered(key: DeliveryKey, message: number): boolean {
    return this.deliveries.get(key)?.message === message;
  }

  /** Returns the oldest no-ack delivery of the message from these queues, on this wire or an earlier one, without a handler. */
  noAckDelivery(now: DeliveryKey, message: number, queues: ReadonlySet<string>): DeliveryKey | undefined {
    const there = this.deliveries.get(now);
    if (there?.message === message && queues.has(there.queue)) return now;
    return this.noAckOf.get(message)?.find((key) => {
      const { handed, queue } = this.deliveries.get(key)!;
      return !handed && queues.has(queue);
    });
  }

  /**
   * Checks that first deliveries of one channel's publishes reach one consumer in order, as long as the channel stayed open. The
   * rest of a wire that the client has given up may reach the broker after publishes of the next connection.
   */
  onConsumed(consumer: string, message: Published, redelivered: boolean): void {
    if (redelivered || message.outcomes.length > 1 || message.twin) return;
    const way = `${consumer} ${message.opening}`;
    const last = this.firstDeliveries.get(way) ?? -1;
    this.oracle.check(message.index > last, 'order', () => `consumer ${consumer}: ${say(message)} came after publish ${last} of the same channel`); // prettier-ignore
    this.firstDeliveries.set(way, Math.max(last, message.index));
  }

  /** Notes that the user has settled one delivery, or all deliveries up to it. */
  intend(key: DeliveryKey, outcome: 'ack' | 'reject' | 'requeue', multiple: boolean, firm = false): void {
    this.intents.set(key, { outcome, at: this.now(), firm });
    if (!multiple) return;
    const [opening, tag] = split(key);
    const list = this.multiples.get(opening) ?? [];
    list.push({ tag, outcome });
    this.multiples.set(opening, list);
  }

  /** Notes that a channel has ended abruptly: settlements of this turn may be lost. */
  onCutOff(opening: string): void {
    for (const key of this.unsettled.get(opening) ?? []) {
      const intent = this.intents.get(key);
      if (intent?.at === this.now()) intent.firm = false;
    }
  }

  /** Notes that the client has written a publish. */
  onWritten({ properties }: PublishMessage): void {
    // These are the options of the publish: `mandatory` tells twins apart.
    const { headers, mandatory = false } = properties as MessageProperties & BasicPublishOptions;
    const message = this.messages.get(nameOf(Number(headers?.['n'] ?? -1), mandatory));
    if (!message) return;
    message.writings++;
    this.oracle.check(!message.over, 'not-sent', () => `${say(message)} was ended by its user before it was sent, and then sent`); // prettier-ignore
  }

  // Events of the broker.

  /** Checks at channel.close that all settlements on the open channel came before it. */
  onClosing(opening: string): void {
    for (const key of this.unsettled.get(opening) ?? []) {
      const intent = this.intents.get(key);
      if (intent?.firm) this.oracle.fail('settlement', `delivery ${key}: its user said ${intent.outcome}, and its channel was closed without it`); // prettier-ignore
    }
  }

  onPublish(id: number, mandatory: boolean, outcome: string, queues: readonly string[], opening: string): void {
    const message = this.messages.get(nameOf(id, mandatory));
    if (!message) return this.oracle.fail('delivery', `the broker got message ${id}, which nobody has published`);
    message.outcomes.push(outcome);
    message.opening = opening;
    this.oracle.count(`published: ${outcome}`);
    this.oracle.check(message.promise !== 'not-sent', 'not-sent', () => `${say(message)} was told as not sent, and then sent`); // prettier-ignore
    this.oracle.check(message.outcomes.length === 1 || message.mayRepeat, 'sent-twice', () => `${say(message)} was sent ${message.outcomes.length} times`); // prettier-ignore
    this.oracle.check(!message.rolledBack, 'not-sent', () => `${say(message)} was rolled back, and then published`);
    const last = this.lastIndex.get(opening) ?? -1;
    this.oracle.check(message.index > last, 'order', () => `${say(message)} was sent after publish ${last} of the same channel`); // prettier-ignore
    this.lastIndex.set(opening, message.index);
    this.windows.get(message.channel)?.arrived(opening, message.size);
    if (outcome !== 'routed' || !message.persistent) return;
    for (const queue of queues) this.keep(queue, id, 1);
  }

  onDelivered(key: DeliveryKey, delivered: Delivered): void {
    this.deliveries.set(key, delivered);
    this.oracle.count('delivered');
    if (!delivered.noAck) {
      const [opening] = split(key);
      const unsettled = this.unsettled.get(opening) ?? new Set();
      this.unsettled.set(opening, unsettled.add(key));
      return;
    }
    const { message } = delivered;
    this.noAckOf.set(message, [...(this.noAckOf.get(message) ?? []), key]);
    this.keep(delivered.queue, message, -1);
  }

  onSettled(key: DeliveryKey, outcome: 'ack' | 'reject' | 'requeue'): void {
    const delivered = this.deliveries.get(key);
    if (!delivered) return;
    delivered.settled = true;
    this.unsettled.get(split(key)[0])?.delete(key);
    this.oracle.count(`settled: ${outcome}`);
    const [opening, tag] = split(key);
    const meant =
      this.intents.get(key)?.outcome === outcome ||
      this.multiples.get(opening)?.some((multiple) => multiple.tag >= tag && multiple.outcome === outcome) === true;
    if (outcome === 'requeue') {
      return meant ? undefined : this.countRequeue(delivered);
    }
    this.keep(delivered.queue, delivered.message, -1);
    this.oracle.check(meant, 'settlement', () => `delivery ${key} (message ${delivered.message} of '${delivered.queue}') got ${outcome}, which its user never said`); // prettier-ignore
  }

  /** A lost connection may give back thousands of messages, but each of them once. */
  private countRequeue({ queue, message }: Delivered): void {
    const name = `${queue} ${message}`;
    let rate = this.requeues.get(name);
    if (!rate) this.requeues.set(name, (rate = new Rate(MOST_REQUEUES, 60_000)));
    const count = rate.hit(this.now());
    if (count !== undefined) this.oracle.fail('storm', `message ${message} went back to queue '${queue}' ${count} times within a minute, and no user asked for that`); // prettier-ignore
  }

  onPurged(queue: string): void {
    for (const name of this.kept.keys()) if (name.startsWith(`${queue} `)) this.kept.delete(name);
  }

  /** Notes that the broker has lost everything. */
  onForgotten(): void {
    this.kept.clear();
  }

  /** Returns the no-ack deliveries of this opening of a channel without a handler. */
  unhanded(wire: number, channel: number, generation: number): DeliveryKey[] {
    const keys: DeliveryKey[] = [];
    for (const [key, delivered] of this.deliveries) {
      const here = delivered.wire === wire && delivered.channel === channel && delivered.generation === generation;
      if (
        here &&
        delivered.noAck &&
        !delivered.handed &&
        delivered.consumerTag !== '' &&
        !this.lossyTags.has(delivered.consumerTag)
      )
        keys.push(key);
    }
    return keys;
  }

  /** Checks at the end that no confirmed message is missing from the safe queues. @param found the messages of the queues */
  audit(found: ReadonlyMap<string, number>): void {
    for (const [name, copies] of this.kept) {
      const [queue, id] = name.split(' ') as [string, string];
      const message = this.find(Number(id))!;
      const there = found.get(name) ?? 0;
      if (message.promise !== 'confirmed' || there >= copies) continue;
      this.oracle.fail('lost', `${say(message)} was confirmed, was never settled, and is not in '${queue}'`);
    }
  }

  private keep(queue: string, id: number, by: number): void {
    if (!(SAFE_QUEUES as readonly string[]).includes(queue)) return;
    const name = `${queue} ${id}`;
    this.kept.set(name, (this.kept.get(name) ?? 0) + by);
  }
}

export function keyOf(wire: number, channel: number, generation: number, tag: number): DeliveryKey {
  return `${wire}/${channel}.${generation}#${tag}`;
}

function split(key: DeliveryKey): [opening: string, tag: number] {
  const at = key.indexOf('#');
  return [key.slice(0, at), Number(key.slice(at + 1))];
}

function nameOf(id: number, mandatory: boolean): string {
  return mandatory ? `${id}!` : `${id}`;
}

export function say({ id, exchange, key, channel, index }: Published): string {
  return `message ${id} (${channel} publish ${index}, exchange '${exchange}', key '${key}')`;
}

function outcomesOf({ outcomes }: Published): string {
  return outcomes.join(', ') || 'has never had it';
}
