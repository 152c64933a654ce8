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
  /** The owner connection of an exclusive queue. */
  readonly owner: object | undefined;
  readonly arguments: FieldTable;
}

/** The part of a virtual host that its queues use. */
export interface QueueHost {
  readonly clock: BrokerClock;
  readonly turns: Turns;
  /** Dead-letters a message, or drops it if the queue has no dead-letter exchange. */
  /** @param time broker clock, ms; default: now */
  died(queue: Queue, message: Message, reason: DeathReason, time?: number): void;
  /** Deletes the queue: it was unused for its x-expires, or an auto-delete queue has lost its last consumer. */
  unneeded(queue: Queue): void;
  /** Reports a change of the bytes that the queue keeps, unacknowledged messages included. Negative for fewer bytes. */
  kept(bytes: number): void;
}

/** The properties of a message that matter to its queue. */
export interface Arrival {
  readonly expiration: number | undefined;
  readonly priority: number;
  /** Broker clock, ms; earlier than now for a dead letter that had to wait for its turn. Default: now. */
  readonly time?: number;
}

/** The delivery mode of messages that survive a restart (basic.delivery-mode). */
const PERSISTENT = 2;

/** Measured memory of an entry without its properties and body, in bytes. */
const ENTRY_OVERHEAD = 256;

/**
 * A queue (https://www.rabbitmq.com/docs/queues). The cost of publishing, delivering and requeueing does not depend on
 * its length.
 *
 *     publish ─▶ ready ─▶ a consumer, or basic.get ─▶ unacknowledged ─▶ gone
 *                  ▲ │ expired, over the limit             │ │
 *                  │ └──────────▶ dead letter ◀── rejected ┘ │
 *                  └───────────────────────────── requeued ──┘
 */
export class Queue {
  readonly kind = 'queue';
  readonly consumers: ConsumerRing;
  /** Number of unacknowledged messages: delivered to a consumer, or fetched. */
  unacknowledged = 0;
  private readonly ready: ReadyMessages;
  private nextPosition = 0;
  private cancelExpiry: (() => void) | undefined;
  private expiryDue = Infinity;
  private lastExpiry = 0;
  /** The time of the first expiry, while more messages have expired than a turn has room for; broker clock, ms. */
  private expiringSince: number | undefined;
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

  /** Number of ready messages. */
  get messageCount(): number {
    return this.ready.length;
  }

  /** Adds a message. Returns false if the queue is full and refuses it (x-overflow). */
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
      expiresAt: ttl === Infinity ? Infinity : (arrival.time ?? this.host.clock.now()) + ttl,
      isLate: arrival.time !== undefined && arrival.time < this.host.clock.now(),
      redelivered: false,
      deliveryCount: 0,
    });
    return true;
  }

  /**
   * Removes the next message (basic.get). The caller has to call `handedOut` or `putBack` afterwards.
   */
  get(): QueueEntry | undefined {
    this.touch();
    const entry = this.ready.shift();
    this.planExpiry();
    return entry;
  }

  /** Drops all expired messages before `get`. */
  *expire(): Work {
    while (!this.dropExpired()) yield;
  }

  /** Called when a client has the message. Without acknowledgement, the message has left the queue. */
  handedOut(entry: QueueEntry, noAck: boolean): void {
    if (noAck) this.keep(entry, -1);
    else this.unacknowledged++;
  }

  /** Called when the message could not be sent. Restores it as if it had never been removed. */
  putBack(entry: QueueEntry): void {
    if (this.deleted) return this.keep(entry, -1);
    this.ready.putBack(entry);
    this.planExpiry();
  }

  /** Called when a client has acknowledged the message. */
  acked(entry: QueueEntry): void {
    this.unacknowledged--;
    this.keep(entry, -1);
  }

  /** Returns deliveries to their places. A quorum queue drops those that were returned too often. */
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

  /** Called when a consumer has rejected the message without requeue. */
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

  /** Drops the messages that do not survive a restart. Quorum queues keep every message, as in RabbitMQ. */
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

  /** Removes a consumer that its client has cancelled, or whose channel is gone. */
  removeConsumer(consumer: Consumer): void {
    consumer.cancelled = true;
    this.consumers.remove(consumer);
    if (this.deleted) return;
    if (this.consumers.size > 0) return this.deliver();
    if (this.properties.autoDelete) this.host.unneeded(this);
    else this.touch();
  }

  /** Called when a consumer may take deliveries again. */
  wake(consumer: Consumer): void {
    this.consumers.wake(consumer);
    this.deliver();
  }

  /** Called when the consumers of this channel may take deliveries again. */
  wakeOf(channel: ConsumerHost): void {
    this.consumers.wakeWhere((consumer) => consumer.host === channel);
    this.deliver();
  }

  /** Records a use of the queue, which restarts x-expires. */
  touch(): void {
    const { expires } = this.settings;
    if (expires === undefined || this.deleted) return;
    this.cancelIdle?.();
    this.cancelIdle = this.host.clock.after(expires, () => {
      if (this.consumers.size === 0) this.host.unneeded(this);
    });
  }

  /** Ends the queue: cancels its consumers and drops its messages. Returns the number of ready messages. */
  delete(): number {
    this.deleted = true;
    this.cancelExpiry?.();
    this.cancelIdle?.();
    const count = this.clear();
    for (const consumer of [...this.consumers]) consumer.cancel();
    return count;
  }

  /** Delivers ready messages to consumers that can take them. */
  deliver(): void {
    this.dropExpired();
    this.handOut();
    this.planExpiry();
  }

  /** Called after a message was added. Consumers come first, then the limits. */
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

  /** Returns true if the head may be delivered, after expired messages were dropped. */
  private hasLiving(): boolean {
    const head = this.ready.peek();
    if (head === undefined) return false;
    if (head.expiresAt === Infinity || head.expiresAt > this.host.clock.now()) return true;
    return this.dropExpired() && this.ready.length > 0;
  }

  /** The turn has no room left, so the queue continues in a later one. */
  private resume(): void {
    if (this.resuming) return;
    this.resuming = true;
    this.host.turns.later(() => {
      this.resuming = false;
      if (!this.deleted) this.settle();
    });
  }

  private nextConsumer(): Consumer | undefined {
    // A consumer's channel may call back during a delivery. The running loop continues then.
    return this.delivering || this.deleted ? undefined : this.consumers.next();
  }

  /** Returns false if the message could not be sent; its connection has ended then. */
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

  /** Returns false if more messages have expired than this turn has room for. The queue continues in a later turn. */
  private dropExpired(): boolean {
    const { clock, turns } = this.host;
    // The rest of these messages expires in later turns, for which the clock may be moved far ahead.
    const start = this.expiringSince ?? clock.now();
    while (this.ready.nextExpiry <= clock.now()) {
      if (turns.over) {
        this.expiringSince = start;
        this.resume();
        return false;
      }
      const entry = this.ready.shiftExpired(clock.now())!;
      turns.spend(1);
      this.keep(entry, -1);
      this.lastExpiry = Math.max(entry.isLate ? 0 : start, entry.expiresAt, this.lastExpiry);
      this.host.died(this, entry.message, 'expired', this.lastExpiry);
    }
    this.expiringSince = undefined;
    return true;
  }

  /** Sets the queue's one timer for the head that expires next. */
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

  /**
   * Delivers the message to a waiting consumer if no message is ready before it; otherwise adds it to the ready
   * messages.
   */
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
