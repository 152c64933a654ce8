import { copyTable } from '../../protocol/field-table.js';
import type { CallOptions, Reply } from '../link/pending-calls.js';
import type { Binding } from './bindings.js';
import { checkNames } from './check-names.js';
import type { ChannelEndpoint } from './channel-endpoint.js';
import { exchangeOf, queueOf } from './entity.js';
import type {
  BindOptions,
  ExchangeDeclareOptions,
  ExchangeDeleteOptions,
  QueueDeclareOptions,
  QueueDeleteOptions,
} from './method-options.js';

/** The broker's answer to `queueDeclare()` (queue.declare-ok, section 1.7.2.2). */
export interface QueueDeclared {
  /** Name of the queue. The broker chooses it for a declaration with `''`. */
  readonly queue: string;
  /** Number of ready messages. */
  readonly messageCount: number;
  /** Number of consumers. */
  readonly consumerCount: number;
}

/**
 * Declares, binds and deletes on one channel. The connection's record of declarations changes when the broker's answer
 * is read.
 */
export class Declarations {
  private lastDeclared = '';

  constructor(private readonly channel: Pick<ChannelEndpoint, 'calls' | 'rpc' | 'topology'>) {}

  async declareExchange(exchange: string, type: string, options: ExchangeDeclareOptions & CallOptions): Promise<void> {
    checkNames('exchange.declare', { exchange, type });
    const { passive = false, durable = true, autoDelete = false, internal = false } = options;
    // The record has no deadline and signal, which belong to this call.
    const declared = { durable, autoDelete, internal, arguments: copyTable(options.arguments ?? {}) };
    const args = { exchange, type, passive, noWait: false, ...declared };
    const { rpc, topology } = this.channel;
    await this.channel.calls.followed('exchange.declare', options, (unlimited) => {
      const declaration = rpc.call('exchange.declare', args, unlimited, () => {
        if (!passive) topology.addExchange(exchange, type, declared);
      });
      if (!passive) topology.declaring(exchangeOf(exchange), declaration);
      return declaration;
    });
  }

  async deleteExchange(exchange: string, options: ExchangeDeleteOptions): Promise<void> {
    checkNames('exchange.delete', { exchange });
    const args = { exchange, ifUnused: options.ifUnused === true, noWait: false };
    await this.channel.calls.call(
      'exchange.delete',
      () => args,
      options,
      () => this.channel.topology.removeExchange(exchange),
    );
  }

  async declareQueue(queue: string, options: QueueDeclareOptions & CallOptions): Promise<QueueDeclared> {
    checkNames('queue.declare', { queue });
    const { passive = false, exclusive = false, autoDelete = false } = options;
    const durable = options.durable ?? !exclusive;
    const declared = { durable, exclusive, autoDelete, arguments: copyTable(options.arguments ?? {}) };
    const { rpc, topology } = this.channel;
    return this.channel.calls.followed('queue.declare', options, (unlimited) => {
      const args = { queue: topology.resolve(queue), passive, noWait: false, ...declared };
      const declaration = rpc.call('queue.declare', args, unlimited, (reply: Reply<'queue.declare'>) => {
        const known = queue || reply.args.queue;
        if (!passive) topology.addQueue(known, declared, { serverNamed: queue === '' });
        this.lastDeclared = topology.knownAs(known);
        return { ...reply.args, queue: known };
      });
      if (!passive && queue !== '') topology.declaring(queueOf(queue), declaration);
      return declaration;
    });
  }

  async purgeQueue(queue: string, options: CallOptions): Promise<number> {
    checkNames('queue.purge', { queue });
    const known = this.queueMeant(queue);
    const args = () => ({ queue: this.channel.topology.resolve(known), noWait: false });
    return (await this.channel.calls.call('queue.purge', args, options)).args.messageCount;
  }

  async deleteQueue(queue: string, options: QueueDeleteOptions): Promise<number> {
    checkNames('queue.delete', { queue });
    const { ifUnused = false, ifEmpty = false } = options;
    const { rpc, topology } = this.channel;
    return this.channel.calls.followed('queue.delete', options, (unlimited) => {
      const known = this.queueMeant(queue);
      const args = { queue: topology.resolve(known), ifUnused, ifEmpty, noWait: false };
      const deletion = rpc.call('queue.delete', args, unlimited, (reply: Reply<'queue.delete'>) => {
        topology.removeQueue(known);
        return reply.args.messageCount;
      });
      topology.deletingQueue(known, deletion);
      return deletion;
    });
  }

  /** @param binding the binding of a queue, with the name that the user gave */
  async bind(binding: Omit<Binding, 'arguments'>, options: BindOptions): Promise<void> {
    const bound = this.meant('bind', binding, options);
    await this.ask('bind', bound, options, () => this.channel.topology.addBinding(bound));
  }

  async unbind(binding: Omit<Binding, 'arguments'>, options: BindOptions): Promise<void> {
    const bound = this.meant('unbind', binding, options);
    await this.ask('unbind', bound, options, () => this.channel.topology.removeBinding(bound));
  }

  /**
   * An empty name means the queue that was declared last on this channel. A broker forgets that queue with the channel.
   */
  queueMeant(queue: string): string {
    return queue === '' ? this.lastDeclared : this.channel.topology.knownAs(queue);
  }

  /** Returns the present name of the queue at the broker. */
  currentName(queue: string): string {
    return this.channel.topology.resolve(this.queueMeant(queue));
  }

  private meant(what: 'bind' | 'unbind', binding: Omit<Binding, 'arguments'>, options: BindOptions): Binding {
    const { kind, destination: to, source, routingKey } = binding;
    const ends = kind === 'exchange' ? { destination: to, source } : { queue: to, exchange: source };
    checkNames(`${kind}.${what}`, { ...ends, routingKey });
    const whole = { ...binding, arguments: copyTable(options.arguments ?? {}) };
    if (kind === 'exchange') return whole;
    const destination = this.queueMeant(to);
    // Without queue and routing key, the name of the queue is also the routing key.
    const nameless = to === '' && routingKey === '';
    return { ...whole, destination, ...(nameless && { routingKey: this.channel.topology.resolve(destination) }) };
  }

  /** @param done called when the answer is read */
  private ask(
    what: 'bind' | 'unbind',
    { kind, destination, source, ...rest }: Binding,
    options: CallOptions,
    done: () => void,
  ): Promise<void> {
    const how = { ...rest, noWait: false };
    const { calls, topology } = this.channel;
    if (kind === 'exchange')
      return calls.call(`exchange.${what}`, () => ({ ...how, destination, source }), options, done);
    const args = () => ({ ...how, queue: topology.resolve(destination), exchange: source });
    return calls.call(`queue.${what}`, args, options, done);
  }
}
