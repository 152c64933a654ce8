import type { FieldTable } from '../../../lib/protocol/field-table.js';
import type { MessageProperties, Method, MethodArguments, MethodName } from '../../../lib/protocol/types.js';
import { DeliveriesReference, type ChannelOwner, type Delivered } from './reference-deliveries.js';
import { Refusal, type QueueReference } from './reference-vhost.js';

/** The next frame that the broker has to send on a channel. */
export interface Expected {
  readonly names: readonly MethodName[];
  /** Reply codes of a close, one of which has to come. */
  readonly codes?: readonly number[];
  /** Counts that the answer has to contain. */
  readonly messageCount?: number | undefined;
  readonly consumerCount?: number | undefined;
  /** The queue of the message. */
  readonly queue?: QueueReference;
  readonly noAck?: boolean;
}

/** A publish that has come whole. */
interface Publish {
  readonly name: string;
  readonly args: MethodArguments<'basic.publish'>;
  readonly properties: MessageProperties;
}

interface Transaction {
  readonly steps: (() => void)[];
  readonly acked: Map<number, Delivered>;
}

/** The frames that RabbitMQ 3.10 has to send, or may send, on one channel. */
export class ChannelReference {
  /** `leaving`: the client has closed the channel, and frames until close-ok are void. `closing`: the broker has closed it. */
  state: 'open' | 'leaving' | 'closing' = 'open';
  /** Answers in the order in which they have to come. */
  readonly expected: Expected[] = [];
  // Frames that may come at any time: returns by message name, in order; confirms by publish number; deliveries.
  readonly returns: string[] = [];
  readonly unconfirmed = new Set<number>();
  readonly deliveries: DeliveriesReference;
  private lastDeclared: string | undefined;
  private confirming = false;
  private sequence = 0;
  private prefetch = 0;
  private transaction: Transaction | undefined;

  constructor(
    private readonly owner: ChannelOwner,
    /** Makes up a name for a queue that is declared without one. */
    private readonly nameQueue: () => string,
  ) {
    this.deliveries = new DeliveriesReference(owner);
  }

  // Frames from the client.

  /** Returns false if RabbitMQ's answer is not known, since it depends on the length of a queue that may lose messages. */
  foresees({ name, args }: Method): boolean {
    if (name !== 'queue.delete' || !args.ifEmpty) return true;
    const queue = this.owner.vhost.queues.get(clean(args.queue || (this.lastDeclared ?? '')));
    return !queue || queue.count !== undefined;
  }

  /** A method without content. @throws Refusal */
  onMethod(method: Method): void {
    const { vhost } = this.owner;
    switch (method.name) {
      case 'channel.open':
        throw new Refusal('CHANNEL_ERROR');
      case 'channel.flow':
        if (!method.args.active) throw new Refusal('NOT_IMPLEMENTED');
        return this.answer('channel.flowOk');
      case 'exchange.declare': {
        const { type, passive, noWait, durable, autoDelete, internal } = method.args;
        const exchange = clean(method.args.exchange);
        if (passive) {
          if (exchange === '') throw new Refusal('ACCESS_REFUSED');
          vhost.exchange(exchange);
        } else vhost.declareExchange(exchange, type, { durable, autoDelete, internal });
        return this.answer('exchange.declareOk', noWait);
      }
      case 'exchange.delete':
        vhost.deleteExchange(clean(method.args.exchange), method.args.ifUnused);
        return this.answer('exchange.deleteOk', method.args.noWait);
      case 'exchange.bind':
      case 'exchange.unbind': {
        const { source, destination, routingKey: key, noWait } = method.args;
        const binding = { exchange: clean(destination), key, arguments: method.args.arguments };
        if (method.name === 'exchange.bind') vhost.bind(clean(source), binding, this.owner);
        else vhost.unbind(clean(source), binding, this.owner);
        return this.answer(method.name === 'exchange.bind' ? 'exchange.bindOk' : 'exchange.unbindOk', noWait);
      }
      case 'queue.declare':
        return this.declareQueue(method.args);
      case 'queue.bind':
      case 'queue.unbind': {
        const { exchange, queue, routingKey } = method.args;
        const name = this.nameOf(clean(queue));
        const key = queue === '' && routingKey === '' ? name : routingKey;
        const binding = { queue: name, key, arguments: method.args.arguments };
        if (method.name === 'queue.unbind') {
          vhost.unbind(clean(exchange), binding, this.owner);
          return this.answer('queue.unbindOk');
        }
        vhost.bind(clean(exchange), binding, this.owner);
        return this.answer('queue.bindOk', method.args.noWait);
      }
      case 'queue.purge': {
        const queue = vhost.queue(this.nameOf(method.args.queue), this.owner);
        const messageCount = queue.count;
        queue.ready.length = 0;
        return this.answer('queue.purgeOk', method.args.noWait, { messageCount });
      }
      case 'queue.delete': {
        const messageCount = this.deleteQueue(method.args);
        return this.answer('queue.deleteOk', method.args.noWait, { messageCount });
      }
      case 'basic.qos':
        if (method.args.prefetchSize !== 0) throw new Refusal('NOT_IMPLEMENTED');
        if (!method.args.global) this.prefetch = method.args.prefetchCount;
        return this.answer('basic.qosOk');
      case 'basic.consume':
        return this.consume(method.args);
      case 'basic.cancel':
        this.deliveries.cancel(method.args.consumerTag);
        return this.answer('basic.cancelOk', method.args.noWait);
      case 'basic.get': {
        const queue = vhost.queue(this.nameOf(method.args.queue), this.owner);
        const { count } = queue;
        const names: MethodName[] = [];
        if (count !== 0) names.push('basic.getOk');
        if (count === undefined || count === 0) names.push('basic.getEmpty');
        this.expected.push({ names, queue, noAck: method.args.noAck });
        return;
      }
      case 'basic.ack':
      case 'basic.nack':
        return this.settle(
          method.args.deliveryTag,
          method.args.multiple,
          method.name === 'basic.nack' && method.args.requeue,
        );
      case 'basic.reject':
        return this.settle(method.args.deliveryTag, false, method.args.requeue);
      case 'basic.recover':
      case 'basic.recoverAsync':
        if (!method.args.requeue) throw new Refusal('NOT_IMPLEMENTED');
        if (method.name === 'basic.recover') this.answer('basic.recoverOk');
        return this.deliveries.giveBack();
      case 'confirm.select':
        if (this.transaction) throw new Refusal('PRECONDITION_FAILED');
        this.confirming = true;
        return this.answer('confirm.selectOk', method.args.noWait);
      case 'tx.select':
        if (this.confirming) throw new Refusal('PRECONDITION_FAILED');
        this.transaction ??= newTransaction();
        return this.answer('tx.selectOk');
      case 'tx.commit':
      case 'tx.rollback':
        if (!this.transaction) throw new Refusal('PRECONDITION_FAILED');
        this.end(this.transaction, method.name === 'tx.commit');
        return this.answer(method.name === 'tx.commit' ? 'tx.commitOk' : 'tx.rollbackOk');
      default:
        throw new Refusal('COMMAND_INVALID', 'CHANNEL_ERROR', 'UNEXPECTED_FRAME');
    }
  }

  /** @throws Refusal */
  onPublish({ name, args, properties }: Publish): void {
    const { vhost } = this.owner;
    if (args.immediate) throw new Refusal('NOT_IMPLEMENTED');
    if (args.exchange !== '' && vhost.exchange(args.exchange).internal) throw new Refusal('ACCESS_REFUSED');
    const { userId, expiration, headers = {}, replyTo } = properties;
    const keys = [args.routingKey];
    for (const more of [headers['CC'], headers['BCC']]) {
      if (more !== undefined && !Array.isArray(more)) throw new Refusal('PRECONDITION_FAILED');
      for (const key of more ?? []) if (typeof key === 'string') keys.push(key);
    }
    const refused =
      replyTo === 'amq.rabbitmq.reply-to' ||
      (userId !== undefined && userId !== 'guest') ||
      (expiration !== undefined && !/^\d+$/.test(expiration));
    if (refused) throw new Refusal('PRECONDITION_FAILED');
    const queues = vhost.route(args.exchange, keys, headers as FieldTable);
    const act = (): void => {
      if (queues.length === 0 && args.mandatory) this.returns.push(name);
      for (const queue of queues) {
        if (vhost.queues.get(queue.name) !== queue) continue;
        queue.lossy ||= expiration !== undefined;
        queue.ready.push({ name, redelivered: false });
      }
    };
    if (this.confirming) this.unconfirmed.add(++this.sequence);
    if (this.transaction) this.transaction.steps.push(act);
    else act();
  }

  /** Ends the channel: its deliveries go back to their queues. */
  close(state: 'leaving' | 'closing'): void {
    if (this.state !== 'open') return;
    this.state = state;
    if (this.transaction) this.end(this.transaction, false);
    this.deliveries.close();
    this.unconfirmed.clear();
  }

  /** Takes a confirm of the broker, positive or negative. @returns the fault, if there is one */
  onConfirm(deliveryTag: number, multiple: boolean): string | undefined {
    if (this.state !== 'open') return undefined;
    if (!this.unconfirmed.has(deliveryTag)) return `a confirm for ${deliveryTag}, which is not unconfirmed`;
    for (const tag of [...this.unconfirmed]) {
      if (tag === deliveryTag || (multiple && tag < deliveryTag)) this.unconfirmed.delete(tag);
    }
    return undefined;
  }

  private answer(name: MethodName, noWait = false, counts: Partial<Expected> = {}): void {
    if (!noWait) this.expected.push({ names: [name], ...counts });
  }

  private nameOf(queue: string): string {
    if (queue !== '') return queue;
    if (this.lastDeclared === undefined) throw new Refusal('NOT_FOUND');
    return this.lastDeclared;
  }

  private declareQueue(args: MethodArguments<'queue.declare'>): void {
    const { vhost } = this.owner;
    const { passive, durable, exclusive, autoDelete, noWait } = args;
    const name = clean(args.queue);
    const owner = exclusive ? this.owner : undefined;
    const queue = passive
      ? vhost.queue(this.nameOf(name), this.owner)
      : vhost.declareQueue(
          name || this.nameQueue(),
          { durable: durable && !exclusive, autoDelete, owner, arguments: args.arguments },
          this.owner,
        );
    this.lastDeclared = queue.name;
    const consumerCount = queue.consumers.size;
    this.answer('queue.declareOk', noWait, { messageCount: queue.count, consumerCount, queue });
  }

  private deleteQueue(args: MethodArguments<'queue.delete'>): number | undefined {
    const { vhost } = this.owner;
    const queue = vhost.queues.get(this.nameOf(clean(args.queue)));
    if (!queue) return 0;
    vhost.assertAccess(queue, this.owner);
    if (args.ifUnused && queue.consumers.size > 0) throw new Refusal('PRECONDITION_FAILED');
    if (args.ifEmpty && queue.ready.length > 0) throw new Refusal('PRECONDITION_FAILED');
    const { count } = queue;
    vhost.removeQueue(queue);
    return count;
  }

  private consume(args: MethodArguments<'basic.consume'>): void {
    const { consumerTag: tag, noAck, exclusive, noWait } = args;
    if (this.deliveries.consumes(tag)) throw new Refusal('NOT_ALLOWED');
    const queue = this.owner.vhost.queue(this.nameOf(args.queue), this.owner);
    const priority = args.arguments['x-priority'];
    if (priority !== undefined && typeof priority !== 'number') throw new Refusal('PRECONDITION_FAILED');
    const [other] = queue.consumers;
    if (other && (exclusive || other.exclusive)) throw new Refusal('ACCESS_REFUSED');
    this.deliveries.consume({ tag, queue, channel: this.deliveries, noAck, exclusive, prefetch: this.prefetch });
    this.answer('basic.consumeOk', noWait);
  }

  private settle(deliveryTag: number, multiple: boolean, requeue: boolean): void {
    const settled = this.deliveries.settle(deliveryTag, multiple);
    const act = (): void => {
      if (requeue) for (const [, { copy, queue }] of settled) queue.ready.push(copy);
    };
    if (!this.transaction) return act();
    this.transaction.steps.push(act);
    for (const [tag, delivered] of settled) this.transaction.acked.set(tag, delivered);
  }

  private end(transaction: Transaction, commit: boolean): void {
    this.transaction = newTransaction();
    if (commit) for (const step of transaction.steps) step();
    else for (const [tag, delivered] of transaction.acked) this.deliveries.unacked.set(tag, delivered);
  }
}

function newTransaction(): Transaction {
  return { steps: [], acked: new Map() };
}

/** Returns a name as RabbitMQ takes it in declarations, bindings and deletions. */
function clean(name: string): string {
  return name.replaceAll(/[\r\n]/g, '');
}
