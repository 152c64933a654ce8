import type { CallExpression, Decorator, Node, ObjectLiteralExpression, PropertyDeclaration, TypeNode } from 'ts-morph';
import { ast } from '../source/ast.js';
import { Draft } from '../source/draft.js';
import { readOptions, valueOf } from '../source/reading.js';
import { mentionsOf, mentionsOfMethod, originOf } from '../source/symbols.js';
import type { Workspace } from '../source/workspace.js';
import { reportChannelUse } from './channel-use.js';

const NEST = '@nestjs/microservices';
const OURS = 'nest-amqp/microservices';

export const TRANSPORT_MODULES = [NEST];

type Side = 'server' | 'client';

/** The side that a call creates from its options. */
const SIDES: Readonly<Record<string, Side>> = {
  createMicroservice: 'server',
  connectMicroservice: 'server',
  createNestMicroservice: 'server',
  register: 'client',
  registerAsync: 'client',
  create: 'client',
  Client: 'client',
};
const CLIENT_HOSTS = new Set(['ClientsModule', 'ClientProxyFactory']);

/** Types of the options of `Transport.RMQ`, with Nest's types for a custom class. */
const TYPES: Readonly<Record<Side, Readonly<Record<string, string>>>> = {
  server: { RmqOptions: 'CustomStrategy' },
  client: { RmqOptions: 'CustomClientOptions', ClientOptions: 'CustomClientOptions' },
};

const OPTIONS = new Set(
  (
    'urls queue queueOptions prefetchCount isGlobalPrefetchCount socketOptions noAck consumerTag serializer deserializer ' +
    'replyQueue persistent headers noAssert exchange exchangeType exchangeArguments routingKey wildcards ' +
    'maxConnectionAttempts'
  ).split(' '),
);
const QUEUE_OPTIONS = new Set(
  (
    'durable exclusive autoDelete arguments messageTtl expires deadLetterExchange deadLetterRoutingKey maxLength ' +
    'maxPriority overflow queueMode noAssert'
  ).split(' '),
);

const SOCKET_OPTIONS = new Set(
  (
    'heartbeatIntervalInSeconds reconnectTimeInSeconds findServers clientProperties connectionOptions ' +
    'noDelay keepAlive keepAliveDelay'
  ).split(' '),
);
/** Options that are objects with known names, and what to do with other names. */
const NESTED: readonly (readonly [option: string, known: ReadonlySet<string>, advice: string])[] = [
  ['queueOptions', QUEUE_OPTIONS, "goes into 'arguments', under the name that RabbitMQ has for it"],
  ['socketOptions', SOCKET_OPTIONS, "has no effect in Transport.RMQ; remove it, or move it into 'connectionOptions'"],
];

/** Moves each server and client of `Transport.RMQ` by itself: old and new ones understand each other. */
export function migrateTransport(workspace: Workspace): void {
  const { SyntaxKind } = ast();
  let serversLeft = 0;
  for (const { file } of workspace.all) {
    for (const literal of file.getDescendantsOfKind(SyntaxKind.ObjectLiteralExpression)) {
      if (!isRmq(transportOf(literal))) continue;
      const draft = new Draft(workspace);
      const side = migrateOptions(draft, literal);
      if (!draft.commit() && side !== 'client') serversLeft++;
    }
  }
  for (const { file } of workspace.all) {
    for (const access of file.getDescendantsOfKind(SyntaxKind.PropertyAccessExpression)) {
      if (isRmq(access)) migrateMention(workspace, access, serversLeft);
    }
    reportChannelUse(workspace, file);
  }
}

/** Moves `@EventPattern('x', Transport.RMQ)` to the new transport once all servers have moved. */
function migrateMention(workspace: Workspace, access: Node, serversLeft: number): void {
  const { Node: Kind } = ast();
  const parent = access.getParent();
  if (Kind.isPropertyAssignment(parent) && parent.getName() === 'transport') return;
  const draft = new Draft(workspace);
  const isPattern =
    Kind.isCallExpression(parent) && ['MessagePattern', 'EventPattern'].includes(parent.getExpression().getText());
  if (!isPattern) draft.refuse(access, 'Transport.RMQ is used in a way that the codemod does not know');
  else if (serversLeft > 0) draft.refuse(access, 'a handler of Transport.RMQ, while a server of it is left');
  draft.replace(access, draft.need(access.getSourceFile(), OURS, 'AMQP_TRANSPORT'));
  draft.tell(access, 'Transport.RMQ of a handler → AMQP_TRANSPORT');
  draft.commit();
}

function transportOf(literal: ObjectLiteralExpression): Node | undefined {
  const { Node: Kind } = ast();
  const property = literal.getProperty('transport');
  return Kind.isPropertyAssignment(property) ? property.getInitializer() : undefined;
}

function isRmq(node: Node | undefined): boolean {
  const { Node: Kind } = ast();
  if (!Kind.isPropertyAccessExpression(node) || node.getName() !== 'RMQ') return false;
  const origin = originOf(node.getExpression());
  return origin?.module === NEST && origin.name === 'Transport';
}

function migrateOptions(draft: Draft, literal: ObjectLiteralExpression): Side | undefined {
  const { Node: Kind } = ast();
  const types: TypeNode[] = [];
  const sides = new Set(sidesOf(literal, types));
  const [side] = sides;
  if (side === undefined || sides.size !== 1) {
    const why = sides.size > 1 ? 'serve both a server and a client' : 'go to a place that the codemod does not know';
    draft.refuse(literal, `options of Transport.RMQ that ${why}`);
    return undefined;
  }
  const file = literal.getSourceFile();
  const transport = literal.getPropertyOrThrow('transport');
  const options = literal.getProperty('options');
  const given = Kind.isPropertyAssignment(options) ? options.getInitializer() : undefined;
  if (options && !given && !Kind.isShorthandPropertyAssignment(options)) {
    draft.refuse(options, 'options of Transport.RMQ that are a method');
  }
  if (given) checkOptions(draft, given, side);

  const decorated = side === 'client' ? decoratedProperty(literal) : undefined;
  if (decorated) {
    const client = draft.need(file, OURS, 'AmqpClientProxy');
    const [decorator, property] = decorated;
    const behind = /^\s*/.exec(file.getFullText().slice(decorator.getEnd()))?.[0].length ?? 0;
    draft.replaceRange(file, decorator.getStart(), decorator.getEnd() + behind, '');
    const text = (): string => (given ? draft.print(given) : options ? 'options' : '');
    // The option type of @Client does not allow a custom class.
    draft.replaceRange(file, property.getEnd() - 1, property.getEnd(), () => ` = new ${client}(${text()});`);
    if (!property.getText().endsWith(';')) draft.refuse(property, 'a property without a semicolon');
    draft.tell(literal, '@Client of Transport.RMQ → new AmqpClientProxy(…)');
    draft.warn(literal, 'Nest no longer closes this client by itself: close it in onModuleDestroy');
  } else if (side === 'client') {
    draft.replace(transport, `customClass: ${draft.need(file, OURS, 'AmqpClientProxy')}`);
    draft.tell(literal, 'a client of Transport.RMQ → customClass: AmqpClientProxy');
  } else {
    const server = draft.need(file, OURS, 'AmqpServer');
    const text = (): string => (given ? draft.print(given) : options ? 'options' : '');
    if (options) {
      removeProperty(draft, transport);
      draft.replace(options, () => `strategy: new ${server}(${text()})`);
    } else draft.replace(transport, `strategy: new ${server}()`);
    draft.tell(literal, 'a server of Transport.RMQ → strategy: new AmqpServer(…)');
  }
  for (const type of types) renameTypes(draft, type, side);
  return side;
}

/** Returns the property below `@Client({ … })` if the property has no value. */
function decoratedProperty(literal: ObjectLiteralExpression): [Decorator, PropertyDeclaration] | undefined {
  const { Node: Kind } = ast();
  const decorator = literal.getParent()?.getParent();
  const property = decorator?.getParent();
  return Kind.isDecorator(decorator) && Kind.isPropertyDeclaration(property) && !property.getInitializer()
    ? [decorator, property]
    : undefined;
}

function checkOptions(draft: Draft, given: Node, side: Side): void {
  const { Node: Kind } = ast();
  const value = valueOf(given);
  // Options from a function or from the configuration have the same names and need no check.
  if (!Kind.isObjectLiteralExpression(value)) return;
  const reading = new Draft(draft.workspace);
  const options = readOptions(reading, value, 'options');
  if (!options || reading.isRefused) return;
  for (const [name, expression] of options) {
    if (!OPTIONS.has(name)) draft.refuse(expression, `option '${name}' is none of Transport.RMQ`);
  }
  for (const [option, known, advice] of NESTED) {
    const nested = options.get(option);
    if (!nested || !Kind.isObjectLiteralExpression(valueOf(nested))) continue;
    for (const [name, expression] of readOptions(reading, nested, option) ?? []) {
      if (!known.has(name)) draft.refuse(expression, `${option}: '${name}' ${advice}`);
    }
  }
  if (side === 'server' && !options.has('noAck')) {
    draft.warn(
      given,
      'messages are acknowledged when their handler is done, no longer at delivery (noAck: true is the old way)',
    );
  }
}

/** Removes a property, with its comma and the rest of its line. */
function removeProperty(draft: Draft, property: Node): void {
  const file = property.getSourceFile();
  const text = file.getFullText();
  const behind = /^\s*,?[ \t]*(\r?\n[ \t]*)?/.exec(text.slice(property.getEnd()))?.[0].length ?? 0;
  draft.replaceRange(file, property.getStart(), property.getEnd() + behind, '');
}

/** Returns the sides that the options reach. @param types gathers the types of the options on the way */
function sidesOf(node: Node, types: TypeNode[], seen = new Set<Node>()): (Side | undefined)[] {
  const { Node: Kind } = ast();
  for (let at = node, above = node.getParent(); above; at = above, above = above.getParent()) {
    if (seen.has(above)) return [];
    if (Kind.isAsExpression(above) || Kind.isSatisfiesExpression(above)) {
      const type = above.getTypeNode();
      if (type) types.push(type);
    } else if (Kind.isCallExpression(above)) {
      if (above.getArguments().some((argument) => argument === at)) return [sideOfCall(above, types)];
    } else if (Kind.isVariableDeclaration(above)) {
      seen.add(above);
      const type = above.getTypeNode();
      if (type) types.push(type);
      return mentionsOf(above).flatMap((mention) => sidesOf(mention, types, seen));
    } else if (Kind.isMethodDeclaration(above) || Kind.isFunctionDeclaration(above)) {
      seen.add(above);
      const type = above.getReturnTypeNode();
      if (type) types.push(type);
      const mentions = Kind.isMethodDeclaration(above) ? mentionsOfMethod(above) : mentionsOf(above);
      return mentions.flatMap((mention) => sidesOf(callOf(mention), types, seen));
    } else if (Kind.isArrowFunction(above) || Kind.isFunctionExpression(above)) {
      const type = above.getReturnTypeNode();
      if (type) types.push(type);
    } else if (Kind.isPropertyAssignment(above)) {
      // The search goes on above `useFactory` and above elements of `clients`. Other names are options of other code.
      if (above.getName() !== 'useFactory' && above.getName() !== 'clients') return [undefined];
    } else if (Kind.isClassDeclaration(above) || Kind.isSourceFile(above)) return [undefined];
  }
  return [undefined];
}

/** Returns the call around the mention of a function, such as `this.options.get('orders')`. */
function callOf(mention: Node): Node {
  const { Node: Kind } = ast();
  let at = mention;
  for (let above = at.getParent(); above; above = above.getParent()) {
    if (Kind.isPropertyAccessExpression(above) && above.getNameNode() === at) at = above;
    else if (Kind.isCallExpression(above) && above.getExpression() === at) return above;
    else return at;
  }
  return at;
}

function sideOfCall(call: CallExpression, types: TypeNode[]): Side | undefined {
  const { Node: Kind } = ast();
  const callee = call.getExpression();
  const name = Kind.isPropertyAccessExpression(callee) ? callee.getName() : callee.getText();
  const side = SIDES[name];
  if (side === 'server') types.push(...call.getTypeArguments());
  if (side !== 'client') return side;
  if (name === 'Client') return originOf(callee)?.module === NEST ? side : undefined;
  const host = Kind.isPropertyAccessExpression(callee) ? originOf(callee.getExpression()) : undefined;
  return host?.module === NEST && CLIENT_HOSTS.has(host.name) ? side : undefined;
}

function renameTypes(draft: Draft, type: TypeNode, side: Side): void {
  const { Node: Kind } = ast();
  const names = Kind.isTypeReference(type) ? [type] : [];
  for (const reference of [...names, ...type.getDescendantsOfKind(ast().SyntaxKind.TypeReference)]) {
    const name = reference.getTypeName();
    const origin = originOf(name);
    const instead = origin?.module === NEST ? TYPES[side][origin.name] : undefined;
    if (instead) draft.replace(name, draft.need(type.getSourceFile(), NEST, instead, isTypeImport(name)));
  }
}

function isTypeImport(name: Node): boolean {
  const { Node: Kind } = ast();
  const declaration = name.getSymbol()?.getDeclarations()[0];
  return (
    Kind.isImportSpecifier(declaration) && (declaration.isTypeOnly() || declaration.getImportDeclaration().isTypeOnly())
  );
}
