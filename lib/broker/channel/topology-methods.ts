import type { Method, MethodArguments } from '../../protocol/types.js';
import type { ChannelHost } from './channel-host.js';
import { BrokerError, notFound, preconditionFailed } from '../errors.js';
import type { Queue } from '../queue/queue.js';
import type { BindingRequest } from '../routing/vhost.js';
import { isReplyAddress, REPLY_TO } from './reply-to.js';

/** Carries out the methods of the classes exchange and queue for one channel. */
export class TopologyMethods {
  /** The queue for an empty queue name: the last one declared on the channel (section 1.7.2.1). */
  private lastDeclared: string | undefined;

  constructor(private readonly host: ChannelHost) {}

  /**
   * Returns the name of a method's queue. @throws BrokerError if the name is empty and no queue was declared on this
   * channel
   */
  queueName(name: string): string {
    if (name !== '') return name;
    if (this.lastDeclared === undefined) throw new BrokerError('NOT_FOUND', 'no previously declared queue');
    return this.lastDeclared;
  }

  /** Carries the method out. Returns false for a method of another class. @throws BrokerError */
  carryOut(method: Method): boolean {
    const { vhost, connection } = this.host;
    switch (method.name) {
      case 'exchange.declare':
        this.declareExchange(method.args);
        return this.answer(method.args.noWait, () => this.host.send('exchange.declareOk', {}));
      case 'exchange.delete':
        vhost.deleteExchange(clean(method.args.exchange), method.args.ifUnused);
        return this.answer(method.args.noWait, () => this.host.send('exchange.deleteOk', {}));
      case 'exchange.bind': {
        vhost.bind(exchangeBinding(method.args), connection);
        return this.answer(method.args.noWait, () => this.host.send('exchange.bindOk', {}));
      }
      case 'exchange.unbind': {
        vhost.unbind(exchangeBinding(method.args), connection);
        return this.answer(method.args.noWait, () => this.host.send('exchange.unbindOk', {}));
      }
      case 'queue.declare':
        return this.declareQueue(method.args);
      case 'queue.bind': {
        vhost.bind(this.queueBinding(method.args), connection);
        return this.answer(method.args.noWait, () => this.host.send('queue.bindOk', {}));
      }
      case 'queue.unbind': {
        vhost.unbind(this.queueBinding(method.args), connection);
        return this.answer(false, () => this.host.send('queue.unbindOk', {}));
      }
      case 'queue.purge': {
        const messageCount = vhost.queue(this.queueName(method.args.queue), connection).purge();
        return this.answer(method.args.noWait, () => this.host.send('queue.purgeOk', { messageCount }));
      }
      case 'queue.delete': {
        const messageCount = this.deleteQueue(method.args);
        return this.answer(method.args.noWait, () => this.host.send('queue.deleteOk', { messageCount }));
      }
      default:
        return false;
    }
  }

  private declareExchange(args: MethodArguments<'exchange.declare'>): void {
    const { passive, type, durable, autoDelete, internal } = args;
    const exchange = clean(args.exchange);
    const { vhost } = this.host;
    if (passive) vhost.assertExchange(exchange);
    else vhost.declareExchange(exchange, { type, durable, autoDelete, internal, arguments: args.arguments });
  }

  private declareQueue(args: MethodArguments<'queue.declare'>): boolean {
    const { vhost, connection, replyTargets } = this.host;
    const { passive, durable, autoDelete, exclusive, noWait } = args;
    const name = clean(args.queue);
    if (isReplyAddress(name)) {
      // A server checks in this way whether its client still waits for the reply.
      if (name !== REPLY_TO && !replyTargets.get(name)) throw notFound('queue', name, vhost.name);
      return this.answerDeclare(noWait, name, 0, 1);
    }
    let queue: Queue;
    if (passive) {
      queue = vhost.queue(this.queueName(name), connection);
      queue.touch();
    } else {
      const owner = exclusive ? connection : undefined;
      queue = vhost.declareQueue(name, { durable, autoDelete, owner, arguments: args.arguments }, connection);
    }
    this.lastDeclared = queue.name;
    return this.answerDeclare(noWait, queue.name, queue.messageCount, queue.consumers.size);
  }

  private answerDeclare(noWait: boolean, queue: string, messageCount: number, consumerCount: number): boolean {
    return this.answer(noWait, () => this.host.send('queue.declareOk', { queue, messageCount, consumerCount }));
  }

  private deleteQueue({ queue: name, ifUnused, ifEmpty }: MethodArguments<'queue.delete'>): number {
    const { vhost, connection } = this.host;
    const queue = vhost.queues.get(this.queueName(clean(name)));
    if (!queue) return 0;
    vhost.assertAccess(queue, connection);
    const where = `queue '${queue.name}' in vhost '${vhost.name}'`;
    if (ifUnused && queue.consumers.size > 0) throw preconditionFailed(`${where} in use`);
    if (ifEmpty && queue.messageCount > 0) throw preconditionFailed(`${where} not empty`);
    return vhost.removeQueue(queue);
  }

  /** An empty queue with an empty key is the last declared queue, with its name as the key (section 1.7.2.3). */
  private queueBinding(args: Omit<MethodArguments<'queue.unbind'>, 'noWait'>): BindingRequest {
    const { queue, exchange, routingKey } = args;
    const destination = this.queueName(clean(queue));
    return {
      kind: 'queue',
      source: clean(exchange),
      destination,
      routingKey: queue === '' && routingKey === '' ? destination : routingKey,
      arguments: args.arguments,
    };
  }

  private answer(noWait: boolean, send: () => void): true {
    if (!noWait) send();
    return true;
  }
}

function exchangeBinding(args: Omit<MethodArguments<'exchange.bind'>, 'noWait'>): BindingRequest {
  const { source, destination, routingKey } = args;
  return {
    kind: 'exchange',
    source: clean(source),
    destination: clean(destination),
    routingKey,
    arguments: args.arguments,
  };
}

/**
 * Returns a name as RabbitMQ uses it in methods that declare, bind and delete: without CR and LF. Other methods use the
 * name unchanged.
 */
function clean(name: string): string {
  return name.replaceAll(/[\r\n]/g, '');
}
