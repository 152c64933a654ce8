import type { Expression, SourceFile } from 'ts-morph';
import { ast } from '../source/ast.js';
import type { Draft } from '../source/draft.js';
import { bare, carry, elementsOf, isFalse, isTrue, readOptions, textOf, type Options } from '../source/reading.js';
import { bindingBuilder, exchangeBuilder, objectText, queueBuilder } from '../source/topology.js';
import { readErrorBehavior, readErrorHandler, type ErrorBehavior } from './error-behavior.js';

/** The options of a module, in parts. */
export interface ModuleConfig {
  /** Options of `AmqpModule`, as texts, without the topology. */
  readonly options: Map<string, string>;
  readonly topology: Topology;
  /** Prefetch of each channel, as texts. */
  readonly channels: Map<string, string>;
  /** Handlers by the name that decorators refer to. */
  readonly handlers: Map<string, Options>;
  name: string | undefined;
  defaultHandler: string | undefined;
  subscribeErrors: ErrorBehavior | undefined;
  rpcErrors: ErrorBehavior | undefined;
  /** Text, ms. */
  rpcTimeout: string | undefined;
}

/** The texts of all declarations, without duplicates. */
export class Topology {
  readonly exchanges = new Set<string>();
  readonly queues = new Set<string>();
  readonly bindings = new Set<string>();
  /** The text of each queue, by its name. */
  private readonly byName = new Map<string, string>();

  /** Returns whether another declaration of the queue differs. A declaration without options agrees with all others. */
  contradicts(name: string, text: string): boolean {
    const before = this.byName.get(name);
    return before !== undefined && before !== text && !isPlain(before) && !isPlain(text);
  }

  addQueue(name: string, text: string): void {
    const before = this.byName.get(name);
    if (before !== undefined && before !== text) {
      if (isPlain(text)) return;
      this.queues.delete(before);
    }
    this.byName.set(name, text);
    this.queues.add(text);
  }

  /** Returns each queue's name with the text that declares the queue. */
  named(): ReadonlyMap<string, string> {
    return this.byName;
  }

  /** Adds the declarations of another topology. */
  addAll(other: Topology): void {
    for (const text of other.exchanges) this.exchanges.add(text);
    for (const [name, text] of other.byName) this.addQueue(name, text);
    for (const text of other.bindings) this.bindings.add(text);
  }

  /** `topology: { … }` with a line for each declaration; empty when nothing is declared. */
  text(indent: string): string {
    const lists = Object.entries({ exchanges: this.exchanges, queues: this.queues, bindings: this.bindings })
      .filter(([, texts]) => texts.size > 0)
      .map(([name, texts]) => {
        const lines = [...texts].map((text) => `${indent}    ${text},\n`);
        return `${indent}  ${name}: [\n${lines.join('')}${indent}  ],\n`;
      });
    return lists.length === 0 ? '' : `{\n${lists.join('')}${indent}}`;
  }
}

const isPlain = (queue: string): boolean => !queue.includes('{');

/** Options that need no replacement. */
const NEEDLESS = new Set(['enableControllerDiscovery', 'enableDirectReplyTo', 'isGlobal']);

/** Reads the options of `RabbitMQModule` and refuses each option that it does not know. */
export function readConfig(draft: Draft, given: Options, to: SourceFile): ModuleConfig {
  const config: ModuleConfig = {
    options: new Map(),
    topology: new Topology(),
    channels: new Map(),
    handlers: new Map(),
    name: undefined,
    defaultHandler: undefined,
    subscribeErrors: undefined,
    rpcErrors: undefined,
    rpcTimeout: undefined,
  };
  const text = (value: Expression): string => carry(draft, value, to);
  const readers: Readonly<Record<string, (value: Expression) => void>> = {
    uri: (value) => {
      const { Node: Kind } = ast();
      const urls = elementsOf(value) ?? [value];
      if (urls.some((url) => Kind.isObjectLiteralExpression(bare(url)))) draft.refuse(value, 'a URI in parts');
      else config.options.set('url', text(value));
    },
    name: (value) => {
      config.name = textOf(value);
      if (config.name === undefined) draft.refuse(value, 'a name of a connection that is not written out');
    },
    prefetchCount: (value) => config.options.set('prefetch', text(value)),
    exchanges: (value) => readExchanges(draft, value, textOf(given.get('defaultExchangeType')) ?? 'topic', config, to),
    defaultExchangeType: (value) => {
      if (textOf(value) === undefined) draft.refuse(value, 'a default type of exchanges that is not written out');
    },
    exchangeBindings: (value) => readExchangeBindings(draft, value, config, to),
    queues: (value) => readQueues(draft, value, config, to),
    channels: (value) => readChannels(draft, value, config, to),
    handlers: (value) => {
      for (const [name, handler] of readOptions(draft, value, 'handlers') ?? []) {
        const options = readOptions(draft, handler, `handler '${name}'`);
        if (options) config.handlers.set(name, options);
      }
    },
    defaultHandler: (value) => {
      config.defaultHandler = textOf(value);
      if (config.defaultHandler === undefined) draft.refuse(value, 'a default handler that is not written out');
    },
    defaultSubscribeErrorBehavior: (value) => (config.subscribeErrors = readErrorBehavior(draft, value)),
    defaultRpcErrorHandler: (value) => (config.rpcErrors = readErrorHandler(draft, value)),
    defaultRpcTimeout: (value) => {
      if (ast().Node.isNumericLiteral(bare(value))) config.rpcTimeout = value.getText();
      else draft.refuse(value, 'a default RPC timeout that is not written out');
    },
    connectionInitOptions: (value) => readInitOptions(draft, value, config, to),
    connectionManagerOptions: (value) => readManagerOptions(draft, value, config, to),
    registerHandlers: (value) => {
      if (!isTrue(value)) draft.refuse(value, "registerHandlers: leave the consumers' module out of that process");
    },
    logger: (value) => draft.warn(value, "the module logs by Nest's own logger"),
    defaultPublishOptions: (value) => {
      const options = readOptions(draft, value, 'defaultPublishOptions');
      const others = [...(options ?? [])].filter(([name, option]) => name !== 'persistent' || !isTrue(option));
      if (others.length > 0) draft.refuse(value, 'defaultPublishOptions: AmqpModule.forFeature has `defaults`');
    },
  };
  for (const [name, value] of given) {
    if (NEEDLESS.has(name)) continue;
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read) read(value);
    else draft.refuse(value, `option '${name}' of RabbitMQModule`);
  }
  return config;
}

function eachObject(
  draft: Draft,
  list: Expression,
  what: string,
  visit: (options: Options, node: Expression) => void,
): void {
  const elements = elementsOf(list);
  if (!elements) {
    draft.refuse(list, `${what} that are no literal list`);
    return;
  }
  for (const element of elements) {
    const options = readOptions(draft, element, what);
    if (options) visit(options, element);
  }
}

function readExchanges(
  draft: Draft,
  list: Expression,
  defaultType: string,
  config: ModuleConfig,
  to: SourceFile,
): void {
  eachObject(draft, list, 'exchanges', (options, node) => {
    const name = options.get('name');
    refuseOthers(draft, options, ['name', 'type', 'createExchangeIfNotExists', 'options']);
    if (!name) draft.refuse(node, 'an exchange without a name');
    // With `createExchangeIfNotExists: false` golevelup checks the exchange and does not declare it.
    else if (!isFalse(options.get('createExchangeIfNotExists'))) {
      const more = readOptions(draft, options.get('options'), 'options of an exchange') ?? new Map();
      const text = carry(draft, name, to);
      config.topology.exchanges.add(exchangeBuilder(draft, text, options.get('type'), defaultType, more, to));
    }
  });
}

function readExchangeBindings(draft: Draft, list: Expression, config: ModuleConfig, to: SourceFile): void {
  eachObject(draft, list, 'exchangeBindings', (options, node) => {
    refuseOthers(draft, options, ['destination', 'source', 'pattern', 'args']);
    const [destination, source, pattern] = ['destination', 'source', 'pattern'].map((name) => {
      const value = options.get(name);
      return value && carry(draft, value, to);
    });
    if (destination === undefined || source === undefined || pattern === undefined) {
      draft.refuse(node, 'a binding of exchanges that lacks an end');
      return;
    }
    config.topology.bindings.add(
      bindingBuilder(draft, 'bindExchange', [destination, source, pattern], options.get('args'), to),
    );
  });
}

function readQueues(draft: Draft, list: Expression, config: ModuleConfig, to: SourceFile): void {
  eachObject(draft, list, 'queues', (options, node) => {
    const known = ['name', 'options', 'exchange', 'routingKey', 'bindQueueArguments', 'createQueueIfNotExists'];
    refuseOthers(draft, options, known);
    const name = options.get('name');
    if (!name) {
      draft.refuse(node, 'a queue without a name');
      return;
    }
    const text = carry(draft, name, to);
    if (!isFalse(options.get('createQueueIfNotExists'))) {
      const more = readOptions(draft, options.get('options'), 'options of a queue') ?? new Map();
      const built = queueBuilder(draft, text, more, to);
      if (config.topology.contradicts(text, built))
        draft.refuse(node, `queue ${text} is declared differently elsewhere`);
      config.topology.addQueue(text, built);
    }
    bindQueue(draft, text, options, options.get('bindQueueArguments'), config.topology, to);
  });
}

/** Adds the bindings for `exchange` and `routingKey` of a queue or a handler. */
export function bindQueue(
  draft: Draft,
  queue: string,
  options: Options,
  table: Expression | undefined,
  topology: Topology,
  to: SourceFile,
): void {
  const { Node: Kind } = ast();
  const exchange = options.get('exchange');
  const routingKey = options.get('routingKey');
  if (!exchange || !routingKey) return;
  const source = carry(draft, exchange, to);
  const keys = elementsOf(routingKey) ?? [routingKey];
  for (const each of keys) {
    if (Kind.isSpreadElement(each)) draft.refuse(each, 'routing keys that are spread');
    else topology.bindings.add(bindingBuilder(draft, 'bindQueue', [queue, source, carry(draft, each, to)], table, to));
  }
}

function readChannels(draft: Draft, value: Expression, config: ModuleConfig, to: SourceFile): void {
  for (const [name, channel] of readOptions(draft, value, 'channels') ?? []) {
    const options = readOptions(draft, channel, `channel '${name}'`);
    if (!options) continue;
    refuseOthers(draft, options, ['prefetchCount', 'default']);
    const prefetch = options.get('prefetchCount');
    if (!prefetch) continue;
    const text = carry(draft, prefetch, to);
    config.channels.set(name.replace(/^\[(.*)\]$/, '$1'), text);
    if (isTrue(options.get('default'))) config.options.set('prefetch', text);
  }
}

function readInitOptions(draft: Draft, value: Expression, config: ModuleConfig, to: SourceFile): void {
  const options = readOptions(draft, value, 'connectionInitOptions');
  if (!options) return;
  refuseOthers(draft, options, [
    'wait',
    'timeout',
    'reject',
    'skipConnectionFailedLogging',
    'skipDisconnectFailedLogging',
  ]);
  const [wait, reject, timeout] = ['wait', 'reject', 'timeout'].map((name) => options.get(name));
  if ([wait, reject].some((flag) => flag && !isTrue(flag) && !isFalse(flag))) {
    draft.refuse(value, 'connectionInitOptions that are not written out');
  }
  if (isFalse(wait) || isFalse(reject)) config.options.set('startup', "'background'");
  else if (timeout) config.options.set('startupTimeout', carry(draft, timeout, to));
}

function readManagerOptions(draft: Draft, value: Expression, config: ModuleConfig, to: SourceFile): void {
  const options = readOptions(draft, value, 'connectionManagerOptions');
  if (!options) return;
  const connection = new Map<string, string>();
  const text = (node: Expression): string => carry(draft, node, to);
  for (const [name, node] of options) {
    if (name === 'heartbeatIntervalInSeconds') connection.set('heartbeat', text(node));
    else if (name === 'reconnectTimeInSeconds') {
      const delay = /^\d+$/.test(node.getText()) ? String(Number(node.getText()) * 1000) : `${text(node)} * 1000`;
      connection.set('reconnect', `{ initialDelay: ${delay}, maxDelay: ${delay} }`);
    } else if (name === 'connectionOptions') {
      for (const [option, given] of readOptions(draft, node, name) ?? []) {
        if (option === 'timeout') connection.set('connectTimeout', text(given));
        else if (option === 'clientProperties') {
          const properties = readOptions(draft, given, option) ?? new Map<string, Expression>();
          for (const [property, value] of properties) {
            if (property === 'connection_name') config.options.set('connectionName', text(value));
            else draft.refuse(value, `connectionManagerOptions: client property '${property}'`);
          }
        } else draft.refuse(given, `connectionManagerOptions: '${option}' belongs into connection: { tls: … }`);
      }
    } else draft.refuse(node, `connectionManagerOptions: '${name}'`);
  }
  const all = objectText(connection);
  if (all !== '') config.options.set('connection', all);
}

export function refuseOthers(draft: Draft, options: Options, known: readonly string[]): void {
  for (const [name, value] of options) if (!known.includes(name)) draft.refuse(value, `option '${name}'`);
}
