import type { Expression, Node, SourceFile } from 'ts-morph';
import type { Draft } from './draft.js';
import { carry, readOptions, textOf, type Options } from './reading.js';

/**
 * amqplib's options for declaring a queue, which golevelup and `Transport.RMQ` share: the name of each option, with the
 * argument that it stands for on the wire.
 */
const QUEUE_ARGUMENTS: Readonly<Record<string, string>> = {
  messageTtl: 'x-message-ttl',
  expires: 'x-expires',
  deadLetterExchange: 'x-dead-letter-exchange',
  deadLetterRoutingKey: 'x-dead-letter-routing-key',
  maxLength: 'x-max-length',
  maxPriority: 'x-max-priority',
  overflow: 'x-overflow',
  queueMode: 'x-queue-mode',
};
const QUEUE_FLAGS = ['durable', 'exclusive', 'autoDelete'];
const EXCHANGE_ARGUMENTS: Readonly<Record<string, string>> = { alternateExchange: 'alternate-exchange' };
const EXCHANGE_FLAGS = ['durable', 'internal', 'autoDelete'];
/** Options that the builders of queues do not have. */
const NO_BUILDER_OPTION = new Set(['queueMode']);

const BUILDERS: Readonly<Record<string, string>> = {
  topic: 'topicExchange',
  direct: 'directExchange',
  fanout: 'fanoutExchange',
  headers: 'headersExchange',
};

/** Options of amqplib taken apart, as texts that `to` can have. */
interface Declaration {
  /** `durable`, `exclusive`, … */
  readonly flags: Map<string, string>;
  /** Texts of the options that stand for arguments, by amqplib's name. */
  readonly named: Map<string, string>;
  /** The properties of `arguments`. */
  readonly more: Map<string, string>;
}

function takeApart(
  draft: Draft,
  options: Options,
  [flagNames, argumentNames]: readonly [readonly string[], Readonly<Record<string, string>>],
  to: SourceFile,
): Declaration {
  const declaration: Declaration = { flags: new Map(), named: new Map(), more: new Map() };
  for (const [name, value] of options) {
    if (flagNames.includes(name)) declaration.flags.set(name, carry(draft, value, to));
    else if (Object.hasOwn(argumentNames, name)) declaration.named.set(name, carry(draft, value, to));
    else if (name === 'arguments') {
      for (const [key, expression] of readOptions(draft, value, 'arguments') ?? []) {
        declaration.more.set(key, carry(draft, expression, to));
      }
    } else draft.refuse(value, `option '${name}' of a declaration`);
  }
  return declaration;
}

const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`);

export function objectText(entries: Iterable<readonly [string, string]>): string {
  const parts = [...entries].map(([name, text]) => (name === text ? name : `${key(name)}: ${text}`));
  return parts.length === 0 ? '' : `{ ${parts.join(', ')} }`;
}

/** A call with the arguments that there are; empty texts at the end are left out. */
export function callText(callee: string, given: readonly string[]): string {
  const last = given.findLastIndex((text) => text !== '');
  return `${callee}(${given
    .slice(0, last + 1)
    .map((text) => (text === '' ? "''" : text))
    .join(', ')})`;
}

/** The options of `queueDeclare` of the client core. */
export function queueDeclareOptions(draft: Draft, options: Options, to: SourceFile): string {
  return declareOptions(takeApart(draft, options, [QUEUE_FLAGS, QUEUE_ARGUMENTS], to), QUEUE_ARGUMENTS);
}

/** The options of `exchangeDeclare` of the client core. */
export function exchangeDeclareOptions(draft: Draft, options: Options, to: SourceFile): string {
  return declareOptions(takeApart(draft, options, [EXCHANGE_FLAGS, EXCHANGE_ARGUMENTS], to), EXCHANGE_ARGUMENTS);
}

function declareOptions({ flags, named, more }: Declaration, names: Readonly<Record<string, string>>): string {
  const table = new Map([...more, ...[...named].map(([name, text]) => [names[name] ?? name, text] as const)]);
  const given = objectText(table);
  return objectText([...flags, ...(given === '' ? [] : [['arguments', given] as const])]);
}

/**
 * A queue for `topology: { queues }`. What declares no type is a classic queue.
 *
 * @param name text of its name
 */
export function queueBuilder(
  draft: Draft,
  name: string,
  options: Options,
  to: SourceFile,
  serverNamed = false,
): string {
  const { flags, named, more } = takeApart(draft, options, [QUEUE_FLAGS, QUEUE_ARGUMENTS], to);
  const given = options.get('arguments');
  const type = more.get('x-queue-type');
  more.delete('x-queue-type');
  const kind = type === undefined ? 'classic' : /^(['"`])(\w+)\1$/.exec(type)?.[2];
  if (given && (kind === undefined || !['classic', 'quorum', 'stream'].includes(kind))) {
    draft.refuse(given, `the type of the queue, ${type}`);
  }
  for (const option of NO_BUILDER_OPTION) {
    const text = named.get(option);
    if (text !== undefined) more.set(QUEUE_ARGUMENTS[option] ?? option, text);
    named.delete(option);
  }
  // Names that the builders have for the arguments.
  for (const [option, argument] of Object.entries(QUEUE_ARGUMENTS)) {
    const text = more.get(argument);
    if (text === undefined || NO_BUILDER_OPTION.has(option)) continue;
    more.delete(argument);
    named.set(option, text);
  }
  if (more.get('x-single-active-consumer') !== undefined && kind !== 'stream') {
    named.set('singleActiveConsumer', more.get('x-single-active-consumer') ?? 'true');
    more.delete('x-single-active-consumer');
  }
  if (flags.get('durable') === 'true') flags.delete('durable');
  for (const flag of ['exclusive', 'autoDelete']) if (flags.get(flag) === 'false') flags.delete(flag);
  if (serverNamed) {
    // The broker's name is nobody else's: such a queue is exclusive.
    flags.delete('exclusive');
    flags.delete('durable');
  }
  if (kind === 'stream') {
    for (const [option, text] of named) more.set(QUEUE_ARGUMENTS[option] ?? option, text);
    named.clear();
  }
  if (kind !== 'classic') flags.clear();
  const builder = serverNamed ? 'serverNamedQueue' : `${kind}Queue`;
  const table = objectText(more);
  const text = objectText([...flags, ...named, ...(table === '' ? [] : [['arguments', table] as const])]);
  return callText(draft.need(to, 'nest-amqp', builder), [name, text]);
}

/**
 * An exchange for `topology: { exchanges }`.
 *
 * @param type its type, where it is given
 */
export function exchangeBuilder(
  draft: Draft,
  name: string,
  type: Expression | undefined,
  defaultType: string,
  options: Options,
  to: SourceFile,
): string {
  const { flags, named, more } = takeApart(draft, options, [EXCHANGE_FLAGS, EXCHANGE_ARGUMENTS], to);
  if (flags.get('durable') === 'true') flags.delete('durable');
  for (const flag of ['internal', 'autoDelete']) if (flags.get(flag) === 'false') flags.delete(flag);
  const table = objectText(more);
  const text = objectText([...flags, ...named, ...(table === '' ? [] : [['arguments', table] as const])]);
  const known = type ? textOf(type) : defaultType;
  const builder = known === undefined ? undefined : BUILDERS[known];
  if (builder) return callText(draft.need(to, 'nest-amqp', builder), [name, text]);
  const typeText = type ? carry(draft, type, to) : `'${defaultType}'`;
  return callText(draft.need(to, 'nest-amqp', 'exchange'), [name, typeText, text]);
}

/** A binding for `topology: { bindings }`. */
export function bindingBuilder(
  draft: Draft,
  kind: 'bindQueue' | 'bindExchange',
  [destination, source, routingKey]: readonly [string, string, string],
  table: Node | undefined,
  to: SourceFile,
): string {
  const given = table ? `{ arguments: ${carry(draft, table, to)} }` : '';
  const routing = /^(['"`])\1$/.test(routingKey) ? '' : routingKey;
  return callText(draft.need(to, 'nest-amqp', kind), [destination, source, routing, given]);
}
