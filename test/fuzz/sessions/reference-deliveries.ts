import type { MethodArguments } from '../../../lib/protocol/types.js';
import {
  Refusal,
  type ConsumerReference,
  type Copy,
  type QueueReference,
  type VhostReference,
} from './reference-vhost.js';

export interface Delivered {
  readonly copy: Copy;
  readonly queue: QueueReference;
  readonly consumer: ConsumerReference | undefined;
}

interface Delivery {
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly noAck: boolean;
  readonly consumer?: ConsumerReference;
}

/** Of the channel's connection. */
export interface ChannelOwner {
  readonly vhost: VhostReference;
  /** Knows basic.cancel from the broker. */
  readonly cancelNotify: boolean;
}

/** Consumers of one channel, and what was delivered there. */
export class DeliveriesReference {
  readonly unacked = new Map<number, Delivered>();
  /** Tags of consumers whose queue is gone: each is told. */
  readonly cancels = new Set<string>();
  private readonly consumers = new Map<string, ConsumerReference>();
  /** By tag; those whose deliveries may still be on their way. */
  private readonly former = new Map<string, ConsumerReference>();
  /** Consumers whose tag the broker makes up, before it has told. */
  private readonly unnamed: ConsumerReference[] = [];
  private lastTag = 0;
  /** The channel is over: what comes still goes back. */
  private over = false;

  constructor(private readonly owner: ChannelOwner) {}

  // What the client does.

  consume(consumer: ConsumerReference): void {
    const { tag, queue } = consumer;
    queue.consumers.add(consumer);
    if (tag === '') this.unnamed.push(consumer);
    else this.consumers.set(tag, consumer);
  }

  consumes(tag: string): boolean {
    return this.consumers.has(tag);
  }

  cancel(tag: string): void {
    const consumer = this.consumers.get(tag);
    if (!consumer) return;
    this.consumers.delete(tag);
    this.former.set(tag, consumer);
    this.owner.vhost.removeConsumer(consumer);
  }

  /** Takes what is settled. Tag 0 with `multiple` is all that there are. @throws Refusal for a tag that is not outstanding */
  settle(deliveryTag: number, multiple: boolean): [tag: number, delivered: Delivered][] {
    const all = deliveryTag === 0 && multiple;
    if (!all && !this.unacked.has(deliveryTag)) throw new Refusal('PRECONDITION_FAILED');
    const settled = [...this.unacked].filter(([tag]) => all || tag === deliveryTag || (multiple && tag < deliveryTag));
    for (const [tag] of settled) this.unacked.delete(tag);
    return settled;
  }

  giveBack(): void {
    for (const { copy, queue } of this.unacked.values()) queue.ready.push(copy);
    this.unacked.clear();
  }

  close(): void {
    this.over = true;
    for (const tag of [...this.consumers.keys()]) this.cancel(tag);
    for (const consumer of this.unnamed) this.owner.vhost.removeConsumer(consumer);
    this.giveBack();
  }

  /** A consumer's queue was deleted. */
  onQueueGone(consumer: ConsumerReference): void {
    // It will be told once it has a name.
    if (consumer.tag === '') return;
    this.consumers.delete(consumer.tag);
    this.former.set(consumer.tag, consumer);
    if (this.owner.cancelNotify) this.cancels.add(consumer.tag);
  }

  // What the broker says. Each returns what is wrong with it.

  /** basic.consume-ok: the tag may be of the broker's making. */
  onConsuming(tag: string): string | undefined {
    if (this.consumers.has(tag) || this.former.has(tag)) return undefined;
    const consumer = this.unnamed.shift();
    if (!consumer) return `consume-ok for '${tag}', which nobody has asked for`;
    const named = { ...consumer, tag };
    if (consumer.queue.consumers.delete(consumer)) {
      consumer.queue.consumers.add(named);
      this.consumers.set(tag, named);
    } else {
      this.former.set(tag, named);
      if (!this.over && this.owner.cancelNotify) this.cancels.add(tag);
    }
    return undefined;
  }

  onDeliver(args: MethodArguments<'basic.deliver'>, name: string): string | undefined {
    const { consumerTag, deliveryTag, redelivered } = args;
    const consumer = this.consumers.get(consumerTag) ?? this.former.get(consumerTag);
    if (!consumer) return `a delivery for consumer '${consumerTag}', which nobody has asked for`;
    const { queue, noAck, prefetch } = consumer;
    const problem = this.deliver(queue, { deliveryTag, redelivered, noAck, consumer }, name);
    if (problem !== undefined || prefetch === 0 || this.over) return problem;
    const held = [...this.unacked.values()].filter((delivered) => delivered.consumer === consumer).length;
    return held > prefetch ? `${held} deliveries for '${consumerTag}', whose prefetch is ${prefetch}` : undefined;
  }

  /** A delivery, or the answer to basic.get. */
  deliver(queue: QueueReference, delivery: Delivery, name: string): string | undefined {
    const { deliveryTag, redelivered, noAck, consumer } = delivery;
    if (deliveryTag !== ++this.lastTag) return `delivery tag ${deliveryTag}, where ${this.lastTag} was next`;
    const there = queue.take(name);
    const { vhost } = this.owner;
    // Of a queue that is gone nothing is known.
    const known = !vhost.deadLetters && vhost.queues.get(queue.name) === queue;
    if (!there && known) return `message '${name}' of '${queue.name}', which is not there`;
    if (there?.redelivered && !redelivered) return `message '${name}' was delivered before, and is not marked so`;
    if (noAck) return undefined;
    const copy = there ?? { name, redelivered: true };
    copy.redelivered = true;
    if (!this.over) this.unacked.set(deliveryTag, { copy, queue, consumer });
    else if (there) queue.ready.push(copy);
    return undefined;
  }
}
