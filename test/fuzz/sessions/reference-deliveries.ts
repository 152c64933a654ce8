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

/** The part of a connection that its channels use. */
export interface ChannelOwner {
  readonly vhost: VhostReference;
  /** The client accepts basic.cancel from the broker. */
  readonly cancelNotify: boolean;
}

/** Consumers and deliveries of one channel. */
export class DeliveriesReference {
  readonly unacked = new Map<number, Delivered>();
  /** Tags of consumers whose queue is gone. A basic.cancel has to come for each. */
  readonly cancels = new Set<string>();
  private readonly consumers = new Map<string, ConsumerReference>();
  /** Cancelled consumers whose deliveries may still be on their way, by tag. */
  private readonly former = new Map<string, ConsumerReference>();
  /** Consumers whose tag the broker makes up and has not sent yet. */
  private readonly unnamed: ConsumerReference[] = [];
  private lastTag = 0;
  /** The channel is over: deliveries that still come go back to their queues. */
  private over = false;

  constructor(private readonly owner: ChannelOwner) {}

  // Actions of the client.

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

  /** Takes the settled deliveries; tag 0 with `multiple` takes all. @throws Refusal for a tag that is not outstanding */
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
    // The basic.cancel comes after the broker has sent the tag.
    if (consumer.tag === '') return;
    this.consumers.delete(consumer.tag);
    this.former.set(consumer.tag, consumer);
    if (this.owner.cancelNotify) this.cancels.add(consumer.tag);
  }

  // Frames from the broker. Each method returns the fault, if there is one.

  /** Takes a basic.consume-ok, whose tag the broker may have made up. */
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

  /** Takes a delivery or a basic.get-ok. */
  deliver(queue: QueueReference, delivery: Delivery, name: string): string | undefined {
    const { deliveryTag, redelivered, noAck, consumer } = delivery;
    if (deliveryTag !== ++this.lastTag) return `delivery tag ${deliveryTag}, where ${this.lastTag} was next`;
    const there = queue.take(name);
    const { vhost } = this.owner;
    // The messages of a queue that is gone are not known.
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
