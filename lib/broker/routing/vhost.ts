import type { Random } from '../../environment/index.js';
import type { FieldTable } from '../../protocol/field-table.js';
import { bindingKey, type Binding, type Destination } from './binding.js';
import { deadLetter, isCycle, type Death } from '../queue/dead-letter.js';
import { accessRefused, BrokerError, inequivalent, notFound, preconditionFailed } from '../errors.js';
import { DelayedMessages, delayOf, routingType } from './delayed-exchange.js';
import { Exchange, type ExchangeProperties } from './exchange.js';
import { Fifo } from '../queue/fifo.js';
import { difference, sameValue } from './field-values.js';
import { JournalMessage, type Journal } from '../control/journal.js';
import type { Turns, Work } from '../control/turns.js';
import type { Message } from '../queue/message.js';
import { comparedArguments, parseQueueArguments } from '../queue/queue-arguments.js';
import { Queue, type QueueHost, type QueueProperties } from '../queue/queue.js';
import type { BrokerClock } from '../control/clock.js';
import { createRouter } from './routers.js';
import { route } from './routing.js';

/** The exchanges that every virtual host has (section 3.1.3). */
const predeclared = [
  ['amq.direct', 'direct'],
  ['amq.fanout', 'fanout'],
  ['amq.topic', 'topic'],
  ['amq.headers', 'headers'],
  ['amq.match', 'headers'],
] as const;

/**
 * Number of pieces of work that a dead letter counts as. Extending and encoding the table of its deaths takes most of
 * the time.
 */
const PIECES_A_LETTER = 4;

/** The part of the broker that a virtual host uses. */
export interface VhostHost {
  readonly clock: BrokerClock;
  readonly random: Random;
  readonly journal: Journal;
  readonly turns: Turns;
  /** Reports a change of the bytes that its queues keep. Negative for fewer bytes. */
  kept(bytes: number): void;
}

/** The arguments of queue.bind, exchange.bind, queue.unbind and exchange.unbind. */
export interface BindingRequest {
  readonly source: string;
  readonly kind: Destination['kind'];
  readonly destination: string;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

interface Dying extends Death {
  readonly from: Queue;
  /** Broker clock, ms. */
  readonly at: number;
}

/** A virtual host: exchanges, queues and the bindings between them. */
export class Vhost {
  readonly queues = new Map<string, Queue>();
  readonly exchanges = new Map<string, Exchange>();
  /** Bindings by destination, then by key. A destination without bindings has no entry. */
  private readonly inbound = new Map<Destination, Map<string, Binding>>();
  private readonly queueHost: QueueHost;
  private readonly delayed: DelayedMessages;
  private readonly dying = new Fifo<Dying>();
  private burying = false;

  constructor(
    readonly name: string,
    private readonly host: VhostHost,
  ) {
    this.predeclare();
    this.delayed = new DelayedMessages(host.clock, (bytes) => host.kept(bytes));
    this.queueHost = {
      clock: host.clock,
      turns: host.turns,
      died: (from, message, reason, at = host.clock.now()) =>
        this.bury({ from, message, queue: from.name, reason, time: host.clock.wallTime(), at }),
      unneeded: (queue) => void this.removeQueue(queue),
      kept: (bytes) => host.kept(bytes),
    };
  }

  /** @throws BrokerError (NOT_FOUND) */
  exchange(name: string): Exchange {
    const exchange = this.exchanges.get(name);
    if (!exchange) throw notFound('exchange', name, this.name);
    return exchange;
  }

  /** @param user the connection that uses the queue. @throws BrokerError (NOT_FOUND, RESOURCE_LOCKED) */
  queue(name: string, user: object): Queue {
    const queue = this.queues.get(name);
    if (!queue) throw notFound('queue', name, this.name);
    this.assertAccess(queue, user);
    return queue;
  }

  /**
   * Carries out a passive declaration of an exchange. @throws BrokerError (NOT_FOUND, or ACCESS_REFUSED for the default
   * exchange)
   */
  assertExchange(name: string): void {
    refuseDefault(name);
    this.exchange(name);
  }

  /** Declares an exchange, or finds an equal one. RabbitMQ checks the type before the name. @throws BrokerError */
  declareExchange(name: string, properties: ExchangeProperties): void {
    const type = routingType(properties);
    const router = createRouter(type);
    if (!router) throw new BrokerError('COMMAND_INVALID', `invalid exchange type '${type}'`);
    refuseDefault(name);
    const there = this.exchanges.get(name);
    if (there) return there.assertEquivalent(properties);
    refuseReserved('exchange', name);
    this.exchanges.set(name, new Exchange(name, properties, router, this.name));
  }

  /**
   * Deletes an exchange. A missing exchange is no error. @throws BrokerError if it may not be deleted, or is in use
   * with `ifUnused`
   */
  deleteExchange(name: string, ifUnused: boolean): void {
    refuseDefault(name);
    if (name.startsWith('amq.')) {
      throw accessRefused(`deletion of system exchange '${name}' in vhost '${this.name}' not allowed`);
    }
    const exchange = this.exchanges.get(name);
    if (!exchange) return;
    if (ifUnused && exchange.outbound.size > 0) {
      throw preconditionFailed(`exchange '${name}' in vhost '${this.name}' in use`);
    }
    this.removeExchange(exchange);
  }

  /** Declares a queue, or finds an equal one. The broker replaces an empty name. @throws BrokerError */
  declareQueue(name: string, properties: QueueProperties, user: object): Queue {
    // Generated names are reserved, too: such a queue is found only by a passive declaration.
    refuseReserved('queue', name);
    const there = this.queues.get(name);
    if (there) {
      this.assertAccess(there, user);
      this.assertEquivalent(there, properties);
      there.touch();
      return there;
    }
    const queueName = name || `amq.gen-${this.host.random.bytes(16).toString('base64url')}`;
    const where = `queue '${queueName}' in vhost '${this.name}'`;
    const settings = parseQueueArguments(properties.arguments, where);
    if (settings.type === 'quorum') {
      if (!properties.durable) throw preconditionFailed(`invalid property 'non-durable' for ${where}`);
      if (properties.autoDelete) throw preconditionFailed(`invalid property 'auto-delete' for ${where}`);
      if (properties.owner) throw preconditionFailed(`invalid property 'exclusive-owner' for ${where}`);
    }
    const queue = new Queue(queueName, properties, settings, this.queueHost);
    this.queues.set(queueName, queue);
    return queue;
  }

  /** Deletes a queue with its bindings. Returns the number of ready messages. */
  removeQueue(queue: Queue): number {
    if (this.queues.get(queue.name) !== queue) return 0;
    this.queues.delete(queue.name);
    const bindings = this.inbound.get(queue);
    this.host.turns.spend(1 + (bindings?.size ?? 0));
    this.dropBindings(bindings);
    return queue.delete();
  }

  /**
   * Deletes the exclusive queues of a connection. Until its deletion, a queue stays locked for other connections, as on
   * RabbitMQ.
   */
  *removeOwned(owner: object): Work {
    const owned = [...this.queues.values()].filter(({ properties }) => properties.owner === owner);
    for (const queue of owned) {
      this.removeQueue(queue);
      yield;
    }
  }

  /** Adds a binding. An existing binding is no error. @throws BrokerError */
  bind(wanted: BindingRequest, user: object): void {
    const { source, kind, routingKey, arguments: args } = wanted;
    refuseDefault(source);
    if (kind === 'exchange') refuseDefault(wanted.destination);
    const from = this.exchange(source);
    const destination = kind === 'queue' ? this.queue(wanted.destination, user) : this.exchange(wanted.destination);
    const key = bindingKey(source, destination, routingKey, args);
    if (from.outbound.has(key)) return;
    const binding = { source: from, destination, routingKey, arguments: args };
    from.addBinding(key, binding);
    const there = this.inbound.get(destination);
    if (there) there.set(key, binding);
    else this.inbound.set(destination, new Map([[key, binding]]));
  }

  /** Removes a binding. A missing binding, source or destination is no error. @throws BrokerError */
  unbind(wanted: BindingRequest, user: object): void {
    const { source, kind, routingKey, arguments: args } = wanted;
    refuseDefault(source);
    if (kind === 'exchange') refuseDefault(wanted.destination);
    const destination = (kind === 'queue' ? this.queues : this.exchanges).get(wanted.destination);
    if (!destination) return;
    const key = bindingKey(source, destination, routingKey, args);
    const binding = this.inbound.get(destination)?.get(key);
    if (!binding) return;
    if (destination.kind === 'queue') this.assertAccess(destination, user);
    this.dropBinding(key, binding);
  }

  /** Drops everything that does not survive a restart. Called when no connection is left. */
  forget(keep: 'durable' | 'nothing'): void {
    for (const queue of [...this.queues.values()]) {
      if (keep === 'durable' && queue.properties.durable) queue.dropTransient();
      else this.removeQueue(queue);
    }
    for (const exchange of [...this.exchanges.values()]) {
      if (keep === 'nothing' || !exchange.properties.durable) this.removeExchange(exchange);
    }
    this.predeclare();
  }

  /** Reports a change of the bytes that are kept for a client outside of queues. Negative for fewer bytes. */
  kept(bytes: number): void {
    this.host.kept(bytes);
  }

  /** Returns the queues of a message. @throws BrokerError if the exchange does not exist */
  route(message: Message): Set<Queue> {
    return this.routeFrom(undefined, message);
  }

  /** @throws BrokerError (RESOURCE_LOCKED) */
  assertAccess(queue: Queue, user: object | undefined): void {
    const { owner } = queue.properties;
    if (owner !== undefined && owner !== user) throw this.locked(queue);
  }

  private assertEquivalent(queue: Queue, wanted: QueueProperties): void {
    const { properties, name } = queue;
    if (properties.owner !== wanted.owner) throw this.locked(queue);
    for (const [argument, property] of [
      ['durable', 'durable'],
      ['auto_delete', 'autoDelete'],
    ] as const) {
      if (properties[property] === wanted[property]) continue;
      throw inequivalent(argument, 'queue', name, this.name, difference(wanted[property], properties[property]));
    }
    for (const argument of comparedArguments) {
      const [received, current] = [wanted.arguments[argument], properties.arguments[argument]];
      if (sameValue(received, current) || isClassic(argument, received, current)) continue;
      throw inequivalent(argument, 'queue', name, this.name, difference(received, current));
    }
  }

  /** An exchange of type x-delayed-message keeps a message, and routes it when its delay is over. */
  private routeFrom(from: Exchange | undefined, message: Message): Set<Queue> {
    const delays = (exchange: Exchange): boolean => {
      const delay = delayOf(exchange, message);
      if (delay === undefined) return false;
      this.delayed.keep(exchange, message, delay, (due) => this.host.turns.run(this.deliver(exchange, due)));
      return true;
    };
    return route(this, message, delays, from);
  }

  private *deliver(exchange: Exchange, message: Message): Work {
    const { expiration, priority = 0 } = message.properties;
    const options = { expiration: expiration === undefined ? undefined : Number(expiration), priority };
    for (const queue of this.routeFrom(exchange, message)) {
      queue.publish(message, options);
      this.host.turns.spend(1);
      yield;
    }
  }

  private locked(queue: Queue): BrokerError {
    return new BrokerError(
      'RESOURCE_LOCKED',
      `cannot obtain exclusive access to locked queue '${queue.name}' in vhost '${this.name}'. It could be originally ` +
        'declared on another connection or the exclusive property value does not match that of the original declaration.',
    );
  }

  private predeclare(): void {
    for (const [name, type] of predeclared) {
      if (this.exchanges.has(name)) continue;
      const properties = { type, durable: true, autoDelete: false, internal: false, arguments: {} };
      this.exchanges.set(name, new Exchange(name, properties, createRouter(type)!, this.name));
    }
  }

  private removeExchange(exchange: Exchange): void {
    this.host.turns.spend(exchange.outbound.size);
    this.exchanges.delete(exchange.name);
    this.delayed.drop(exchange);
    this.dropBindings(this.inbound.get(exchange));
    this.dropBindings(exchange.outbound);
  }

  private dropBindings(bindings: ReadonlyMap<string, Binding> | undefined): void {
    for (const [key, binding] of [...(bindings ?? [])]) this.dropBinding(key, binding);
  }

  private dropBinding(key: string, binding: Binding): void {
    const { source, destination } = binding;
    source.removeBinding(key, binding);
    const inbound = this.inbound.get(destination);
    if (inbound?.delete(key) && inbound.size === 0) this.inbound.delete(destination);
    if (source.properties.autoDelete && source.outbound.size === 0 && this.exchanges.get(source.name) === source) {
      this.removeExchange(source);
    }
  }

  /**
   * A dead letter may cause another one, in a full queue or one with a TTL of 0. They are handled one after the other.
   */
  private bury(death: Dying): void {
    this.dying.push(death);
    if (this.burying) return;
    this.burying = true;
    this.host.turns.run(this.buryAll());
  }

  private *buryAll(): Work {
    try {
      for (let next; (next = this.dying.shift());) yield* this.buryOne(next);
    } finally {
      this.burying = false;
    }
  }

  private *buryOne(death: Dying): Work {
    const { message, queue, reason } = death;
    const letter = this.letterOf(death);
    const targets = letter
      ? [...this.route(letter)].filter(({ name }) => reason === 'rejected' || !isCycle(letter, name))
      : [];
    const died = {
      queue,
      reason,
      message: new JournalMessage(message),
      deadLetter: letter && targets.length > 0 ? new JournalMessage(letter) : undefined,
      queues: targets.map(({ name }) => name),
    };
    // The letter has the message's body.
    this.host.journal.add('died', died, { message, own: letter?.encoded.length ?? 0 });
    if (!letter) return;
    this.host.turns.spend(PIECES_A_LETTER);
    const { priority = 0 } = letter.properties;
    for (const target of targets) {
      this.host.turns.spend(1);
      target.publish(letter, { expiration: undefined, priority, time: death.at });
      yield;
    }
  }

  /** Undefined if no message is dead-lettered. */
  private letterOf(death: Dying): Message | undefined {
    const { deadLetterExchange, deadLetterRoutingKey } = death.from.settings;
    if (deadLetterExchange === undefined) return undefined;
    if (deadLetterExchange !== '' && !this.exchanges.has(deadLetterExchange)) return undefined;
    return deadLetter(death, deadLetterExchange, deadLetterRoutingKey);
  }
}

function refuseDefault(exchange: string): void {
  if (exchange === '') throw accessRefused('operation not permitted on the default exchange');
}

function refuseReserved(kind: 'queue' | 'exchange', name: string): void {
  if (name.startsWith('amq.')) throw accessRefused(`${kind} name '${name}' contains reserved prefix 'amq.*'`);
}

/** A missing type equals the type classic. */
function isClassic(argument: string, ...values: unknown[]): boolean {
  return argument === 'x-queue-type' && values.every((value) => value === undefined || value === 'classic');
}
