import type { FieldTable } from '../../../lib/protocol/field-table.js';
import { replyCodes, type ReplyCodeName } from '../../../lib/protocol/spec.js';

/** RabbitMQ refuses a frame with one of these codes: it closes the channel or the connection. */
export class Refusal extends Error {
  readonly scope: 'channel' | 'connection';
  readonly codes: readonly number[];

  constructor(...names: readonly [ReplyCodeName, ...ReplyCodeName[]]) {
    super(names.join(' or '));
    this.codes = names.map((name) => replyCodes[name].code);
    this.scope = replyCodes[names[0]].scope;
  }
}

/** One message in one queue. */
export interface Copy {
  readonly name: string;
  redelivered: boolean;
}

export interface ConsumerReference {
  readonly tag: string;
  readonly queue: QueueReference;
  readonly channel: { onQueueGone(consumer: ConsumerReference): void };
  readonly noAck: boolean;
  readonly exclusive: boolean;
  /** 0 for no limit. */
  readonly prefetch: number;
}

interface QueueProperties {
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** The connection that alone may use it. */
  readonly owner: object | undefined;
  readonly arguments: FieldTable;
}

export class QueueReference {
  /** Ready messages, and messages on their way to a consumer. */
  readonly ready: Copy[] = [];
  readonly consumers = new Set<ConsumerReference>();
  /** The queue drops messages by itself, so their number is not known. */
  lossy: boolean;

  constructor(
    readonly name: string,
    readonly properties: QueueProperties,
    private readonly vhost: VhostReference,
  ) {
    this.lossy = ['x-max-length', 'x-message-ttl'].some((name) => properties.arguments[name] !== undefined);
    if (properties.arguments['x-dead-letter-exchange'] !== undefined) vhost.deadLetters = true;
  }

  /** The number of ready messages; undefined if it is not known, such as while deliveries are on their way to a consumer. */
  get count(): number | undefined {
    return this.lossy || this.vhost.deadLetters || this.consumers.size > 0 ? undefined : this.ready.length;
  }

  take(name: string): Copy | undefined {
    const at = this.ready.findIndex((copy) => copy.name === name);
    return at < 0 ? undefined : this.ready.splice(at, 1)[0];
  }
}

/** Arguments of programs that are numbers. A second declaration has to repeat them. */
const NUMBERS = ['x-max-length', 'x-message-ttl', 'x-max-priority'];
const COMPARED = [...NUMBERS, 'x-dead-letter-exchange', 'x-dead-letter-routing-key'];

interface Binding {
  readonly queue?: string;
  readonly exchange?: string;
  readonly key: string;
  readonly arguments: FieldTable;
}

interface ExchangeReference {
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly bindings: Map<string, Binding>;
}

const TYPES: ReadonlySet<string> = new Set(['direct', 'fanout', 'topic', 'headers']);
const predeclared = { 'amq.direct': 'direct', 'amq.fanout': 'fanout', 'amq.topic': 'topic', 'amq.headers': 'headers' };

/**
 * Exchanges, queues and bindings of RabbitMQ 3.10, and its refusals. Written from its documentation and sources;
 * sessions.spec.ts compares it with RabbitMQ.
 */
export class VhostReference {
  readonly queues = new Map<string, QueueReference>();
  readonly exchanges = new Map<string, ExchangeReference>();
  /** Queues get dead letters, so their content is not known. */
  deadLetters = false;

  constructor() {
    for (const [name, type] of Object.entries(predeclared)) {
      this.exchanges.set(name, { type, durable: true, autoDelete: false, internal: false, bindings: new Map() });
    }
  }

  /** @throws Refusal */
  queue(name: string, user: object): QueueReference {
    const queue = this.queues.get(name);
    if (!queue) throw new Refusal('NOT_FOUND');
    this.assertAccess(queue, user);
    return queue;
  }

  /** @throws Refusal */
  exchange(name: string): ExchangeReference {
    const exchange = this.exchanges.get(name);
    if (!exchange) throw new Refusal('NOT_FOUND');
    return exchange;
  }

  declareQueue(name: string, properties: QueueProperties, user: object): QueueReference {
    if (name.startsWith('amq.')) throw new Refusal('ACCESS_REFUSED');
    const there = this.queues.get(name);
    if (there) {
      this.assertAccess(there, user);
      const { owner, autoDelete, durable } = there.properties;
      if (owner !== properties.owner) throw new Refusal('RESOURCE_LOCKED');
      const same =
        durable === properties.durable &&
        autoDelete === properties.autoDelete &&
        COMPARED.every((name) => there.properties.arguments[name] === properties.arguments[name]);
      if (!same) throw new Refusal('PRECONDITION_FAILED');
      return there;
    }
    for (const name of NUMBERS) {
      const value = properties.arguments[name];
      const valid = value === undefined || (typeof value === 'number' && value >= 0 && Number.isInteger(value));
      if (!valid) throw new Refusal('PRECONDITION_FAILED');
    }
    const queue = new QueueReference(name, properties, this);
    this.queues.set(name, queue);
    return queue;
  }

  /** Removes a queue and cancels its consumers. */
  removeQueue(queue: QueueReference): void {
    if (this.queues.get(queue.name) !== queue) return;
    this.queues.delete(queue.name);
    queue.ready.length = 0;
    for (const consumer of [...queue.consumers]) consumer.channel.onQueueGone(consumer);
    queue.consumers.clear();
    this.dropBindings(({ queue: name }) => name === queue.name);
  }

  removeConsumer(consumer: ConsumerReference): void {
    const { queue } = consumer;
    if (!queue.consumers.delete(consumer)) return;
    if (queue.properties.autoDelete && queue.consumers.size === 0) this.removeQueue(queue);
  }

  declareExchange(name: string, type: string, flags: Omit<ExchangeReference, 'type' | 'bindings'>): void {
    if (!TYPES.has(type)) throw new Refusal('COMMAND_INVALID');
    if (name === '') throw new Refusal('ACCESS_REFUSED');
    const there = this.exchanges.get(name);
    if (there) {
      const { durable, autoDelete, internal } = there;
      const same =
        there.type === type &&
        durable === flags.durable &&
        autoDelete === flags.autoDelete &&
        internal === flags.internal;
      if (!same) throw new Refusal('PRECONDITION_FAILED');
      return;
    }
    if (name.startsWith('amq.')) throw new Refusal('ACCESS_REFUSED');
    this.exchanges.set(name, { type, ...flags, bindings: new Map() });
  }

  deleteExchange(name: string, ifUnused: boolean): void {
    if (name === '' || name.startsWith('amq.')) throw new Refusal('ACCESS_REFUSED');
    const exchange = this.exchanges.get(name);
    if (!exchange) return;
    if (ifUnused && exchange.bindings.size > 0) throw new Refusal('PRECONDITION_FAILED');
    this.removeExchange(name);
  }

  /** @throws Refusal */
  bind(source: string, binding: Binding, user: object): void {
    this.refuseDefault(source, binding);
    const { bindings } = this.exchange(source);
    if (binding.queue === undefined) this.exchange(binding.exchange!);
    else this.queue(binding.queue, user);
    bindings.set(JSON.stringify(binding), binding);
  }

  /** Removes a binding. A binding that does not exist is no error. @throws Refusal */
  unbind(source: string, binding: Binding, user: object): void {
    this.refuseDefault(source, binding);
    const exchange = this.exchanges.get(source);
    if (!exchange?.bindings.has(JSON.stringify(binding))) return;
    if (binding.queue !== undefined) this.queue(binding.queue, user);
    this.dropBindings((other, from) => from === source && JSON.stringify(other) === JSON.stringify(binding));
  }

  /** Returns the queues of a message. */
  route(exchange: string, keys: readonly string[], headers: FieldTable): QueueReference[] {
    const queues = new Set<string>();
    const seen = new Set<string>();
    const visit = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      const { type, bindings } = this.exchanges.get(name)!;
      for (const binding of bindings.values()) {
        if (!matches(type, binding, keys, headers)) continue;
        if (binding.queue === undefined) visit(binding.exchange!);
        else queues.add(binding.queue);
      }
    };
    if (exchange === '') for (const key of keys) queues.add(key);
    else visit(exchange);
    return [...queues].map((name) => this.queues.get(name)).filter((queue) => queue !== undefined);
  }

  /** Removes the exclusive queues of a connection that has ended. */
  removeOwned(owner: object): void {
    for (const queue of [...this.queues.values()]) if (queue.properties.owner === owner) this.removeQueue(queue);
  }

  assertAccess({ properties: { owner } }: QueueReference, user: object): void {
    if (owner !== undefined && owner !== user) throw new Refusal('RESOURCE_LOCKED');
  }

  private refuseDefault(source: string, { exchange }: Binding): void {
    if (source === '' || exchange === '') throw new Refusal('ACCESS_REFUSED');
  }

  private removeExchange(name: string): void {
    this.exchanges.delete(name);
    this.dropBindings(({ exchange }) => exchange === name);
  }

  /** Removes bindings. An auto-delete exchange is deleted with its last binding. */
  private dropBindings(fits: (binding: Binding, source: string) => boolean): void {
    for (const [source, { bindings, autoDelete }] of [...this.exchanges]) {
      let dropped = false;
      for (const [key, binding] of bindings) if (fits(binding, source)) dropped = bindings.delete(key) || dropped;
      if (dropped && autoDelete && bindings.size === 0) this.removeExchange(source);
    }
  }
}

function matches(type: string, binding: Binding, keys: readonly string[], headers: FieldTable): boolean {
  switch (type) {
    case 'fanout':
      return true;
    case 'direct':
      return keys.includes(binding.key);
    case 'topic':
      return keys.some((key) => topicMatches(words(binding.key), words(key)));
    default: {
      const wanted = Object.entries(binding.arguments).filter(([name]) => !name.startsWith('x-'));
      const found = wanted.filter(([name, value]) => headers[name] === value).length;
      return binding.arguments['x-match'] === 'any' ? found > 0 : found === wanted.length;
    }
  }
}

function words(key: string): string[] {
  return key === '' ? [] : key.split('.');
}

function topicMatches(pattern: readonly string[], key: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return key.length === 0;
  if (first === '#') return topicMatches(rest, key) || (key.length > 0 && topicMatches(pattern, key.slice(1)));
  return key.length > 0 && (first === '*' || first === key[0]) && topicMatches(rest, key.slice(1));
}
