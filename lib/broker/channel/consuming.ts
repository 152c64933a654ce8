import { typed } from '../../protocol/field-table.js';
import type { MethodArguments } from '../../protocol/types.js';
import type { ChannelHost } from './channel-host.js';
import { Consumer, type ConsumerHost } from '../queue/consumer.js';
import { accessRefused, BrokerError, notImplemented, preconditionFailed } from '../errors.js';
import { JournalMessage } from '../control/journal.js';
import type { Work } from '../control/turns.js';
import { encodeProperties, type Message, type QueueEntry } from '../queue/message.js';
import type { Queue } from '../queue/queue.js';
import { integer } from '../queue/queue-arguments.js';
import { REPLY_TO, type ReplyTarget } from './reply-to.js';
import type { Transaction } from './transaction.js';
import { Unacked, type UnackedDelivery } from './unacked.js';

const isPriority = integer();

type Settlement = 'ack' | 'requeue' | 'reject';

/** The outgoing side of a channel: its consumers, their deliveries and the settlements of the deliveries. */
export class Consuming implements ConsumerHost, ReplyTarget {
  private readonly consumers = new Map<string, Consumer>();
  private readonly unacked = new Unacked();
  private lastDeliveryTag = 0;
  /** Prefetch of later consumers; 0 for no limit. */
  private prefetch = 0;
  /** Prefetch of the whole channel; 0 for no limit. */
  private channelPrefetch = 0;
  private channelUnacked = 0;
  /** Queues that could not deliver a message, because of the channel's limit or a full socket. */
  private readonly limited = new Set<Queue>();
  private closed = false;
  private replies: { readonly tag: string; readonly address: string } | undefined;

  constructor(
    private readonly host: ChannelHost,
    private readonly transaction: Transaction,
  ) {}

  /** The address for replies to requests of this channel; undefined unless the channel consumes replies. */
  get replyAddress(): string | undefined {
    return this.replies?.address;
  }

  /** basic.qos (https://www.rabbitmq.com/docs/consumer-prefetch). @throws BrokerError */
  qos({ prefetchSize, prefetchCount, global }: MethodArguments<'basic.qos'>): void {
    if (prefetchSize !== 0) throw notImplemented(`prefetch_size!=0 (${prefetchSize})`);
    if (!global) this.prefetch = prefetchCount;
    else {
      this.channelPrefetch = prefetchCount;
      this.wakeAll();
    }
  }

  /** basic.consume; `started` is called before the first delivery. @throws BrokerError */
  consume(args: MethodArguments<'basic.consume'>, queueName: string, started: (tag: string) => void): void {
    const tag = args.consumerTag || `amq.ctag-${this.host.random.bytes(16).toString('base64url')}`;
    if (queueName === REPLY_TO) return this.consumeReplies(args, tag, started);
    if (this.consumers.has(tag) || this.replies?.tag === tag) {
      throw new BrokerError('NOT_ALLOWED', `attempt to reuse consumer tag '${tag}'`);
    }
    const queue = this.host.vhost.queue(queueName, this.host.connection);
    const where = `queue '${queueName}' in vhost '${this.host.vhost.name}'`;
    const { 'x-priority': priority = 0, 'x-stream-offset': offset } = args.arguments;
    const problem = isPriority(priority);
    if (problem !== undefined) throw preconditionFailed(`invalid arg 'x-priority' for ${where}: ${problem}`);
    if (offset !== undefined) {
      const type = `rabbit_${queue.settings.type}_queue`;
      throw preconditionFailed(`invalid arg 'x-stream-offset' for ${where} of queue type ${type}`);
    }
    if (queue.settings.type === 'quorum' && this.channelPrefetch > 0) {
      throw notImplemented(`${where} does not support global qos`);
    }
    const others = [...queue.consumers];
    if ((args.exclusive && (others.length > 0 || queue.settings.singleActiveConsumer)) || others[0]?.exclusive) {
      throw accessRefused(`${where} in exclusive use`);
    }
    const consumer = new Consumer(tag, queue, args.noAck, args.exclusive, Number(priority), this.prefetch, this);
    this.consumers.set(tag, consumer);
    started(tag);
    queue.addConsumer(consumer);
  }

  /** basic.cancel. An unknown tag has no effect. */
  cancel(tag: string): void {
    if (this.replies?.tag === tag) return this.stopReplies();
    const consumer = this.consumers.get(tag);
    if (!consumer) return;
    this.consumers.delete(tag);
    consumer.queue.removeConsumer(consumer);
  }

  /** basic.get. @throws BrokerError */
  *get(queueName: string, noAck: boolean): Work {
    const queue = this.host.vhost.queue(queueName, this.host.connection);
    yield* queue.expire();
    const entry = queue.get();
    if (!entry) return this.host.send('basic.getEmpty', {});
    const { message, redelivered } = entry;
    const { exchange, routingKey } = message;
    const deliveryTag = this.lastDeliveryTag + 1;
    const args = { deliveryTag, redelivered, exchange, routingKey, messageCount: queue.messageCount };
    if (!this.host.forward('basic.getOk', args, { encoded: encodedFor(entry, queue), body: message.body })) {
      return queue.putBack(entry);
    }
    this.register(entry, queue, undefined, noAck);
  }

  /** basic.ack, basic.nack, basic.reject. @throws BrokerError when the tag is unknown */
  settle(deliveryTag: number, multiple: boolean, settlement: Settlement): Work {
    const deliveries = this.unacked.take(deliveryTag, multiple);
    return this.transaction.carryOut(
      () => this.carryOut(deliveries, settlement),
      () => this.unacked.restore(deliveries),
    );
  }

  /**
   * basic.recover and basic.recover-async.
   *
   * @param answer sends recover-ok; RabbitMQ sends it before it delivers again
   * @throws BrokerError
   */
  recover(requeue: boolean, answer?: () => void): Work {
    if (!requeue) throw notImplemented('requeue=false');
    answer?.();
    return this.carryOut(this.unacked.takeAll(), 'requeue');
  }

  /** The socket has room again, or a limit has changed. */
  wakeAll(): void {
    const queues = [...this.limited];
    this.limited.clear();
    // RabbitMQ gives each queue the same chance to be first, since there may be room for one message only.
    const first = Math.floor(this.host.random.next() * queues.length);
    for (const queue of [...queues.slice(first), ...queues.slice(0, first)]) queue.wakeOf(this);
  }

  /**
   * Called when the channel is gone. Its consumers end at once. Returns the work that requeues the unacknowledged
   * messages.
   */
  close(): Work {
    this.closed = true;
    this.stopReplies();
    for (const tag of [...this.consumers.keys()]) this.cancel(tag);
    this.transaction.abandon();
    return this.carryOut(this.unacked.takeAll(), 'requeue');
  }

  /** Cancels consumers from the broker's side, where `fits`; returns how many. */
  cancelByBroker(fits: (consumer: Consumer) => boolean): number {
    const fitting = [...this.consumers.values()].filter(fits);
    for (const consumer of fitting) {
      this.cancelled(consumer);
      consumer.queue.removeConsumer(consumer);
    }
    return fitting.length;
  }

  // Requests of consumers.

  canDeliver(consumer: Consumer): boolean {
    if (!this.host.isOpen || this.closed) return false;
    const full = this.channelPrefetch > 0 && this.channelUnacked >= this.channelPrefetch;
    if (!full && !this.host.transport.congested) return true;
    this.limited.add(consumer.queue);
    return false;
  }

  deliver(consumer: Consumer, entry: QueueEntry): boolean {
    const { queue, tag, noAck } = consumer;
    const { message, redelivered } = entry;
    const { exchange, routingKey } = message;
    // The tag is used only if the delivery is sent: a tag that the client never sees would be a gap.
    const deliveryTag = this.lastDeliveryTag + 1;
    const args = { consumerTag: tag, deliveryTag, redelivered, exchange, routingKey };
    if (!this.host.forward('basic.deliver', args, { encoded: encodedFor(entry, queue), body: message.body })) {
      return false;
    }
    this.host.transport.spend(1);
    this.register(entry, queue, consumer, noAck);
    return true;
  }

  cancelled(consumer: Consumer): void {
    consumer.cancelled = true;
    this.consumers.delete(consumer.tag);
    if (!this.host.cancelNotify) return;
    // Sent after the answer to the method that caused it, such as queue.delete-ok.
    queueMicrotask(() => {
      if (!this.closed) this.host.send('basic.cancel', { consumerTag: consumer.tag, noWait: true });
    });
  }

  /** Delivers a reply to a request of this channel. It passes through no queue. */
  reply(message: Message): void {
    const { routingKey } = message;
    const consumerTag = this.replies!.tag;
    const args = { consumerTag, deliveryTag: this.lastDeliveryTag + 1, redelivered: false, exchange: '', routingKey };
    if (this.host.forward('basic.deliver', args, message)) this.lastDeliveryTag++;
  }

  private consumeReplies(
    { noAck }: MethodArguments<'basic.consume'>,
    tag: string,
    started: (tag: string) => void,
  ): void {
    if (!noAck) throw preconditionFailed('reply consumer cannot acknowledge');
    if (this.replies) throw preconditionFailed('reply consumer already set');
    this.replies = { tag, address: this.host.replyTargets.add(this) };
    started(tag);
  }

  private stopReplies(): void {
    if (this.replies) this.host.replyTargets.remove(this.replies.address);
    this.replies = undefined;
  }

  private register(entry: QueueEntry, queue: Queue, consumer: Consumer | undefined, noAck: boolean): void {
    const deliveryTag = ++this.lastDeliveryTag;
    queue.handedOut(entry, noAck);
    if (!noAck) {
      this.unacked.add({ deliveryTag, entry, queue, consumer });
      if (consumer) {
        consumer.unacked++;
        this.channelUnacked++;
      }
    }
    const delivered = {
      connection: this.host.connectionId,
      channel: this.host.channelId,
      queue: queue.name,
      consumerTag: consumer?.tag ?? '',
      deliveryTag,
      redelivered: entry.redelivered,
      noAck,
      message: new JournalMessage(entry.message),
    };
    this.host.journal.add('delivered', delivered, entry);
  }

  private *carryOut(deliveries: readonly UnackedDelivery[], outcome: Settlement): Work {
    const awake = new Set<Consumer>();
    const back = new Map<Queue, QueueEntry[]>();
    let left = deliveries.length;
    for (const { deliveryTag, entry, queue, consumer } of deliveries) {
      this.host.transport.spend(1);
      if (consumer) {
        consumer.unacked--;
        this.channelUnacked--;
        awake.add(consumer);
      }
      if (outcome === 'ack') queue.acked(entry);
      else if (outcome === 'reject') queue.reject(entry);
      else {
        const entries = back.get(queue);
        if (entries) entries.push(entry);
        else back.set(queue, [entry]);
      }
      const { connectionId: connection, channelId: channel } = this.host;
      const message = new JournalMessage(entry.message);
      const settled = { connection, channel, queue: queue.name, deliveryTag, outcome, message };
      this.host.journal.add('settled', settled, entry);
      if (--left > 0) yield;
    }
    // All messages are requeued at once, so that no later message is delivered before them.
    for (const [queue, entries] of back) queue.requeue(entries);
    if (this.channelPrefetch > 0) {
      for (const { queue } of awake) this.limited.add(queue);
      this.wakeAll();
    } else for (const consumer of awake) consumer.queue.wake(consumer);
  }
}

/**
 * A quorum queue reports how often a message was returned
 * (https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling).
 */
function encodedFor({ message, deliveryCount }: QueueEntry, { settings }: Queue): Buffer {
  if (settings.type !== 'quorum' || deliveryCount === 0) return message.encoded;
  const { passedOn } = message;
  const headers = { ...passedOn.headers, 'x-delivery-count': typed('int64', deliveryCount) };
  return encodeProperties({ ...passedOn, headers });
}
