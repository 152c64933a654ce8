import type { CallExpression, Node, PropertyAccessExpression } from 'ts-morph';
import { ast } from '../source/ast.js';
import type { Draft } from '../source/draft.js';
import { optionsText, publishOptions } from '../source/publish-options.js';
import { bare, isFalse, isTrue, readOptions } from '../source/reading.js';
import { callText, exchangeDeclareOptions, objectText, queueDeclareOptions } from '../source/topology.js';
import { awaitedOf, awaitPrefix, useOf } from './awaiting.js';
import { firstParameter, type Roles } from './roles.js';

/** A call of a method of a channel. */
export interface ChannelCall {
  readonly draft: Draft;
  readonly call: CallExpression;
  readonly access: PropertyAccessExpression;
  readonly roles: Roles;
  /** The channel writes payloads as JSON, as amqp-connection-manager does with `json: true`. */
  readonly json: boolean;
}

type Rewrite = (call: ChannelCall) => void;

const argument = ({ call }: ChannelCall, at: number): Node | undefined => call.getArguments()[at];

/** `channel.method` with another name; keeps `?.`. */
function callee({ draft, access }: ChannelCall, name: string): string {
  const dot = access.hasQuestionDotToken() ? '?.' : '.';
  return `${draft.print(access.getExpression())}${dot}${name}`;
}

function replaceCall(given: ChannelCall, name: string, texts: () => readonly string[], prefix = ''): void {
  given.draft.replace(given.call, () => prefix + callText(callee(given, name), texts()));
  given.draft.tell(given.call, `channel.${given.access.getName()} → channel.${name}`);
}

const printed = ({ draft }: ChannelCall, node: Node | undefined): string => (node ? draft.print(node) : '');

/** Refuses a call whose result is used: nest-amqp returns another kind of result. */
function refuseUsed(given: ChannelCall, what: string): void {
  if (useOf(given.call) === 'used') given.draft.refuse(given.call, what);
}

const assertQueue: Rewrite = (given) => {
  const options = readOptions(given.draft, argument(given, 1), 'the options of assertQueue()');
  if (!options) return;
  const text = queueDeclareOptions(given.draft, options, given.call.getSourceFile());
  const name = argument(given, 0);
  replaceCall(given, 'queueDeclare', () => [name ? given.draft.print(name) : "''", text]);
};

const assertExchange: Rewrite = (given) => {
  const options = readOptions(given.draft, argument(given, 2), 'the options of assertExchange()');
  if (!options) return;
  refuseUsed(given, 'the result of assertExchange(): exchangeDeclare() has none');
  const text = exchangeDeclareOptions(given.draft, options, given.call.getSourceFile());
  replaceCall(given, 'exchangeDeclare', () => [
    printed(given, argument(given, 0)),
    printed(given, argument(given, 1)),
    text,
  ]);
};

/** Rewrites bindQueue and the like: all arguments but the last stay. */
const binding =
  (name: string): Rewrite =>
  (given) => {
    const table = argument(given, 3);
    const texts = () => [0, 1, 2].map((at) => printed(given, argument(given, at)));
    replaceCall(given, name, () => [...texts(), table ? `{ arguments: ${given.draft.print(table)} }` : '']);
  };

const deletion =
  (name: string): Rewrite =>
  (given) => {
    refuseUsed(given, `the result of ${given.access.getName()}(): ${name}() gives the number of messages`);
    replaceCall(given, name, () => [0, 1].map((at) => printed(given, argument(given, at))));
  };

const prefetch: Rewrite = (given) => {
  const global = argument(given, 1);
  if (global && !isFalse(global) && !isTrue(global))
    given.draft.refuse(global, 'a global prefetch that is not written out');
  const options = global && isTrue(global) ? '{ global: true }' : '';
  replaceCall(given, 'basicQos', () => [printed(given, argument(given, 0)), options]);
};

function publishing(given: ChannelCall, at: { exchange: number | undefined; key: number; content: number }): void {
  const { draft, call, json } = given;
  const content = argument(given, at.content);
  if (!content) return draft.refuse(call, 'a publish without a content');
  if (argument(given, at.content + 2)) return draft.refuse(call, 'a publish with a callback: it is a promise here');
  const options = publishOptions(draft, argument(given, at.content + 1), 'deliveryMode');
  if (!options) return;
  const use = useOf(call);
  const type = returnTypeOf(call);
  if (use === 'used' || (use === 'returned' && type !== undefined && /boolean/.test(type))) {
    draft.refuse(call, 'the boolean of a publish (back-pressure): publish() returns a promise, which waits instead');
  }
  const prefix = awaitPrefix(draft, call);
  replaceCall(
    given,
    'publish',
    () => [
      at.exchange === undefined ? "''" : printed(given, argument(given, at.exchange)),
      printed(given, argument(given, at.key)),
      json ? `JSON.stringify(${draft.print(content)})` : draft.print(content),
      optionsText(options()),
    ],
    prefix,
  );
}

function returnTypeOf(call: Node): string | undefined {
  const { Node: Kind } = ast();
  const owner = call.getFirstAncestor(
    (above) =>
      Kind.isMethodDeclaration(above) ||
      Kind.isFunctionDeclaration(above) ||
      Kind.isArrowFunction(above) ||
      Kind.isFunctionExpression(above),
  );
  return Kind.isMethodDeclaration(owner) || Kind.isFunctionDeclaration(owner) || Kind.isArrowFunction(owner)
    ? owner.getReturnTypeNode()?.getText()
    : undefined;
}

const CONSUME_OPTIONS = new Set(['consumerTag', 'noLocal', 'noAck', 'exclusive', 'arguments', 'prefetch']);

const consume: Rewrite = (given) => {
  const { draft, call, roles } = given;
  const options = readOptions(draft, argument(given, 2), 'the options of consume()');
  const handler = argument(given, 1);
  if (!options || !handler) return draft.refuse(call, 'consume() without a callback');
  const parameter = firstParameter(handler);
  if (parameter && !ast().Node.isIdentifier(parameter.getNameNode())) {
    draft.refuse(parameter, 'a message that is taken apart in the parameter list');
  }
  if (!parameter && !ast().Node.isArrowFunction(bare(handler)) && roles.of(handler) === undefined) {
    draft.refuse(handler, 'a callback of consume() that is made elsewhere');
  }
  const priority = options.get('priority');
  for (const [name, value] of options) {
    if (!CONSUME_OPTIONS.has(name) && name !== 'priority') draft.refuse(value, `option '${name}' of consume()`);
  }
  if (priority && options.has('arguments')) draft.refuse(priority, 'a priority beside arguments');
  draft.warn(call, 'when the queue is deleted the consumer is restored; amqplib calls the callback with null');
  replaceCall(given, 'basicConsume', () => [
    printed(given, argument(given, 0)),
    draft.print(handler),
    objectText(
      [...options].map(([name, value]) => {
        const text = draft.print(value);
        return name === 'priority' ? (['arguments', `{ 'x-priority': ${text} }`] as const) : ([name, text] as const);
      }),
    ),
  ]);
};

/** Rewrites `channel.ack(message)`, which is a method of the message in nest-amqp. */
const settle =
  (name: 'ack' | 'nack' | 'reject'): Rewrite =>
  (given) => {
    const { draft, call, roles } = given;
    const message = argument(given, 0);
    const others = [argument(given, 1), argument(given, 2)];
    if (!message || roles.of(message) !== 'message')
      return draft.refuse(call, `${name}() of a value that is no message`);
    if (others.some((flag) => flag && bare(flag)?.getText() === 'undefined'))
      return draft.refuse(call, `${name}() with undefined`);
    const [multiple, requeue] = name === 'reject' ? [undefined, others[0]] : others;
    const options = new Map<string, () => string>();
    if (requeue && !isTrue(requeue)) options.set('requeue', () => draft.print(requeue));
    // amqplib requeues a rejected message by default.
    if (name === 'reject' && (!requeue || isTrue(requeue))) options.set('requeue', () => 'true');
    if (multiple && !isFalse(multiple)) options.set('multiple', () => draft.print(multiple));
    draft.replace(call, () =>
      callText(`${draft.print(message)}.${name}`, [
        objectText([...options].map(([key, text]) => [key, text()] as const)),
      ]),
    );
    draft.tell(call, `channel.${name}(message) → message.${name}()`);
  };

const get: Rewrite = (given) => {
  const { outer } = awaitedOf(given.call);
  if (ast().Node.isBinaryExpression(outer.getParent()) && /^[!=]==?$/.test(operatorOf(outer.getParent()))) {
    given.draft.refuse(given.call, 'a message that is compared with false: basicGet() gives undefined');
  }
  replaceCall(given, 'basicGet', () => [0, 1].map((at) => printed(given, argument(given, at))));
};

function operatorOf(node: Node | undefined): string {
  return ast().Node.isBinaryExpression(node) ? node.getOperatorToken().getText() : '';
}

const same: Rewrite = () => {};

/** The methods of a channel, and what becomes of each. */
const REWRITES: Readonly<Record<string, Rewrite>> = {
  assertQueue,
  checkQueue: (given) =>
    replaceCall(given, 'queueDeclare', () => [printed(given, argument(given, 0)), '{ passive: true }']),
  deleteQueue: deletion('queueDelete'),
  purgeQueue: deletion('queuePurge'),
  bindQueue: binding('queueBind'),
  unbindQueue: binding('queueUnbind'),
  assertExchange,
  checkExchange: (given) =>
    replaceCall(given, 'exchangeDeclare', () => [printed(given, argument(given, 0)), "'direct'", '{ passive: true }']),
  deleteExchange: deletion('exchangeDelete'),
  bindExchange: binding('exchangeBind'),
  unbindExchange: binding('exchangeUnbind'),
  publish: (given) => publishing(given, { exchange: 0, key: 1, content: 2 }),
  sendToQueue: (given) => publishing(given, { exchange: undefined, key: 0, content: 1 }),
  consume,
  get,
  ack: settle('ack'),
  nack: settle('nack'),
  reject: settle('reject'),
  prefetch,
  cancel: (given) => replaceCall(given, 'basicCancel', () => [printed(given, argument(given, 0))]),
  recover: (given) => replaceCall(given, 'basicRecover', () => []),
  waitForConfirms: same,
  close: same,
};

export function rewriteChannelCall(given: ChannelCall): void {
  const name = given.access.getName();
  const rewrite = Object.hasOwn(REWRITES, name) ? REWRITES[name] : undefined;
  if (rewrite) rewrite(given);
  else given.draft.refuse(given.access, `channel.${name}: see the guide`);
}
