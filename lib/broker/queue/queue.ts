import type { FieldTable } from '../../protocol/field-table.js';
import type { BrokerClock } from '../control/clock.js';
import type { Turns, Work } from '../control/turns.js';
import type { Consumer, ConsumerHost } from './consumer.js';
import { ConsumerRing } from './consumer-ring.js';
import type { DeathReason } from './dead-letter.js';
import type { Message, QueueEntry } from './message.js';
import type { QueueSettings } from './queue-arguments.js';
import { ReadyMessages } from './ready-messages.js';

/** The properties of a queue that queue.declare gives. */
export interface QueueProperties {
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** The connection that alone may use it, for an exclusive queue. */
  readonly owner: object | undefined;
  readonly arguments: FieldTable;
}

/** The part of a virtual host that its queues use. */
export interface QueueHost {
  readonly clock: BrokerClock;
  readonly turns: Turns;
  /** A message leaves the queue for its dead-letter exchange, or for nowhere when it has none. */
  died(queue: Queue, message: Message, reason: DeathReason): void;
  /** Unused for its x-expires, or without consumers and auto-delete. */
  unneeded(queue: Queue): void;
  /** Bytes that the queue keeps, for those that are out too, more or (negative) fewer than before. */
  kept(bytes: number): void;
}

/** The properties of a message that matter to its queue. */
export interface Arrival {
  readonly expiration: number | undefined;
  readonly priority: number;
}

/** The delivery mode of what survives a restart (basic.delivery-mode). */
const PERSISTENT = 2;

/** Memory in bytes that an entry uses beside its properties and body, as measured. */
const ENTRY_OVERHEAD = 256;

/**
 * One queue (https://www.rabbitmq.com/docs/queues). Taking in, handing out and putting back cost the same whatever its
 * length.
 *
 *     publish ─▶ ready ─▶ a consumer, or basic.get ─▶ unacknowledged ─▶ gone
 *                  ▲ │ expired, over the limit             │ │
 *                  │ └──────────▶ dead letter ◀── rejected ┘ │
 *                  └───────────────────────────── requeued ──┘
 */
export class Queue {
  readonly kind = 'queue';
  readonly consumers: ConsumerRing;
  /** Messages that are out: with a consumer, or fetched. */
  unacknowledged = 0;
  private readonly ready: ReadyMessages;
  private nextPosition = 0;
  private cancelExpiry: (() => void) | undefined;
  private expiryDue = Infinity;
  private cancelIdle: (() => void) | undefined;
  private delivering = false;
  private resuming = false;
  private deleted = false;

  constructor(
    readonly name: string,
    readonly properties: QueueProperties,
    readonly settings: QueueSettings,
    private readonly host: QueueHost,
  ) {
    this.ready = new ReadyMessages(settings.maxPriority);
    this.consumers = new ConsumerRing(settings.singleActiveConsumer);
    this.touch();
  }

  /** Messages that wait for a consumer. */
  get messageCount(): number {
    return this.ready.length;
  }

  /** Takes a message in; false when the queue is full and refuses it (x-overflow). */
  publish(message: Message, arrival: Arrival): boolean {
    const { overflow, messageTtl = Infinity, maxPriority } = this.settings;
    if (overflow !== 'drop-head' && this.isFullFor(message)) {
      if (overflow === 'reject-publish-dlx') this.host.died(this, message, 'maxlen');
      return false;
    }
    const ttl = Math.min(messageTtl, arrival.expiration ?? Infinity);
    this.add({
      message,
      position: this.nextPosition++,
      priority: Math.min(arrival.priority, maxPriority),
      expiresAt: ttl === Infinity ? Infinity : this.host.clock.now() + ttl,
      redelivered: false,
      deliveryCount: 0,
    });
    return true;
  }

  /**
   * Takes the next message out (basic.get). It is then in the hands of who asked: `handedOut` has to follow, or `putBack`.
   */
  get(): QueueEntry | undefined {
    this.touch();
    const entry = this.ready.shift();
    this.planExpiry();
    return entry;
  }

  /** Drops what has expired before `get`, however much that is. */
  *expire(): Work {
    while (!this.dropExpired()) yield;
  }

  /** It is with a client. What needs no acknowledgement is gone with that. */
  handedOut(entry: QueueEntry, noAck: boolean): void {
    if (noAck) this.keep(entry, -1);
    else this.unacknowledged++;
  }

  /** It could not be sent: as if it had never been taken out. */
  putBack(entry: QueueEntry): void {
    if (this.deleted) return this.keep(entry, -1);
    this.ready.putBack(entry);
    this.planExpiry();
  }

  /** A client has dealt with it. */
  acked(entry: QueueEntry): void {
    this.unacknowledged--;
    this.keep(entry, -1);
  }

  /** Puts deliveries back to their places; a quorum queue gives up those that came back too often. */
  requeue(entries: Iterable<QueueEntry>): void {
    for (const entry of entries) {
      if (this.deleted) {
        this.acked(entry);
        continue;
      }
      entry.redelivered = true;
      entry.deliveryCount++;
      if (entry.deliveryCount > this.settings.deliveryLimit) {
        this.acked(entry);
        this.host.died(this, entry.message, 'delivery_limit');
      } else {
        this.unacknowledged--;
        this.ready.putBack(entry);
      }
    }
    if (this.deleted) return;
    this.dropExpired();
    this.settle();
  }

  /** A consumer refused it for good. */
  reject(entry: QueueEntry): void {
    this.acked(entry);
    if (!this.deleted) this.host.died(this, entry.message, 'rejected');
  }

  /** Drops what is ready; returns how much that was. */
  purge(): number {
    const count = this.clear();
    this.planExpiry();
    return count;
  }

  /** Drops what a restart of the broker does not leave; quorum queues keep every message, as RabbitMQ's do. */
  dropTransient(): void {
    if (this.settings.type === 'quorum') return;
    const dropped = this.ready.retain(({ message }) => message.properties.deliveryMode === PERSISTENT);
    for (const entry of dropped) this.keep(entry, -1);
    this.planExpiry();
  }

  addConsumer(consumer: Consumer): void {
    this.consumers.add(consumer);
    this.touch();
    this.deliver();
  }

  /** The client cancelled it, or its channel is gone. */
  removeConsumer(consumer: Consumer): void {
    consumer.cancelled = true;
    this.consumers.remove(consumer);
    if (this.deleted) return;
    if (this.consumers.size > 0) return this.deliver();
    if (this.properties.autoDelete) this.host.unneeded(this);
    else this.touch();
  }

  /** It may take deliveries again. */
  wake(consumer: Consumer): void {
    this.consumers.wake(consumer);
    this.deliver();
  }

  /** The consumers of this channel may. */
  wakeOf(channel: ConsumerHost): void {
    this.consumers.wakeWhere((consumer) => consumer.host === channel);
    this.deliver();
  }

  /** Counts as use: x-expires begins anew. */
  touch(): void {
    const { expires } = this.settings;
    if (expires === undefined || this.deleted) return;
    this.cancelIdle?.();
    this.cancelIdle = this.host.clock.after(expires, () => {
      if (this.consumers.size === 0) this.host.unneeded(this);
    });
  }

  /** The end of it: its consumers are cancelled, its messages dropped. Returns how many were ready. */
  delete(): number {
    this.deleted = true;
    this.cancelExpiry?.();
    this.cancelIdle?.();
    const count = this.clear();
    for (const consumer of [...this.consumers]) consumer.cancel();
    return count;
  }

  /** Hands out what is ready to whoever can take it. */
  deliver(): void {
    this.dropExpired();
    this.handOut();
    this.planExpiry();
  }

  /** After something came in: consumers first, then the limits. */
  private settle(): void {
    this.handOut();
    if (this.dropExpired()) this.dropOverflow();
    this.planExpiry();
  }

  private handOut(): void {
    while (this.hasLiving()) {
      if (this.host.turns.over && this.consumers.size > 0) return this.resume();
      const consumer = this.nextConsumer();
      if (!consumer) break;
      const entry = this.ready.shift()!;
      if (!this.give(consumer, entry)) this.putBack(entry);
    }
  }

  /** Its head is one that may be handed out: what has expired is not. */
  private hasLiving(): boolean {
    const head = this.ready.peek();
    if (head === undefined) return false;
    if (head.expiresAt === Infinity || head.expiresAt > this.host.clock.now()) return true;
    return this.dropExpired() && this.ready.length > 0;
  }

  /** This turn has done its part: the queue goes on in a later one. */
  private resume(): void {
    if (this.resuming) return;
    this.resuming = true;
    this.host.turns.later(() => {
      this.resuming = false;
      if (!this.deleted) this.settle();
    });
  }

  private nextConsumer(): Consumer | undefined {
    // A consumer's channel may call back while it is served; the loop that runs already goes on from there.
    return this.delivering || this.deleted ? undefined : this.consumers.next();
  }

  /** False when it could not be sent; its connection is over then. */
  private give(consumer: Consumer, entry: QueueEntry): boolean {
    this.delivering = true;
    try {
      return consumer.take(entry);
    } finally {
      this.delivering = false;
    }
  }

  private isFullFor(message: Message): boolean {
    const { maxLength, maxLengthBytes } = this.settings;
    return this.ready.length + 1 > maxLength || this.ready.bytes + message.body.length > maxLengthBytes;
  }

  private dropOverflow(): void {
    const { maxLength, maxLengthBytes, overflow } = this.settings;
    if (overflow !== 'drop-head') return;
    while (this.ready.length > maxLength || this.ready.bytes > maxLengthBytes) {
      if (this.host.turns.over) return this.resume();
      this.host.turns.spend(1);
      const entry = this.ready.shift()!;
      this.keep(entry, -1);
      this.host.died(this, entry.message, 'maxlen');
    }
  }

  /** False when more has expired than this turn has room for: the queue goes on in a later one. */
  private dropExpired(): boolean {
    const { clock, turns } = this.host;
    while (this.ready.nextExpiry <= clock.now()) {
      if (turns.over) {
        this.resume();
        return false;
      }
      const entry = this.ready.shiftExpired(clock.now())!;
      turns.spend(1);
      this.keep(entry, -1);
      this.host.died(this, entry.message, 'expired');
    }
    return true;
  }

  /** One timer a queue: for the head that expires next. */
  private planExpiry(): void {
    const due = this.deleted || this.resuming ? Infinity : this.ready.nextExpiry;
    if (due === this.expiryDue) return;
    this.cancelExpiry?.();
    this.expiryDue = due;
    this.cancelExpiry =
      due === Infinity
        ? undefined
        : this.host.clock.after(due - this.host.clock.now(), () => {
            this.expiryDue = Infinity;
            this.dropExpired();
            this.planExpiry();
          });
  }

  /** To a consumer that waits, where nothing stands before it; else in line. */
  private add(entry: QueueEntry): void {
    this.keep(entry, 1);
    const consumer = this.ready.length > 0 ? undefined : this.nextConsumer();
    if (consumer && this.give(consumer, entry)) return this.settle();
    if (this.deleted) return this.keep(entry, -1);
    this.ready.push(entry);
    this.settle();
  }

  /** Drops what is ready; returns how much that was. */
  private clear(): number {
    const count = this.ready.length;
    this.host.kept(-(this.ready.size + count * ENTRY_OVERHEAD));
    this.ready.clear();
    return count;
  }

  private keep({ message }: QueueEntry, sign: 1 | -1): void {
    this.host.kept(sign * (message.size + ENTRY_OVERHEAD));
  }
}
