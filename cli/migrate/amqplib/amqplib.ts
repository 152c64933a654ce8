import type { CallExpression, Identifier, Node, PropertyAccessExpression, SourceFile } from 'ts-morph';
import { ast } from '../source/ast.js';
import { Draft } from '../source/draft.js';
import { connectedFiles } from '../source/groups.js';
import { bare } from '../source/reading.js';
import { REQUIRE_MARK } from '../source/imports.js';
import { filesImportedBy, importsFrom, mentionsOf, originOf, requiredModule, targetsOf } from '../source/symbols.js';
import { callText } from '../source/topology.js';
import type { Workspace } from '../source/workspace.js';
import { rewriteChannelCall } from './channel-calls.js';
import { rewriteConnect, rewriteManagedChannel, rewriteManagedConnect, writesJson } from './connecting.js';
import { AMQPLIB, AMQPLIB_MODULES, Roles, type Role } from './roles.js';

const CLIENT = 'nest-amqp/client';

/** Types of amqplib, with the types of the client core that replace them. */
const TYPES: Readonly<Record<string, string>> = {
  Connection: 'Connection',
  ChannelModel: 'Connection',
  Channel: 'Channel',
  ConfirmChannel: 'Channel',
  ConsumeMessage: 'Delivery',
  Message: 'Delivery',
  GetMessage: 'Delivery',
  AmqpConnectionManager: 'Connection',
  ChannelWrapper: 'Channel',
};

/** Events under other names. `close` also tells of a loss there, after which nothing comes back by itself. */
const EVENTS: Readonly<Partial<Record<Role, Readonly<Record<string, string>>>>> = {
  connection: { error: 'disconnected', close: 'closed', blocked: 'blocked', unblocked: 'unblocked' },
  channel: { error: 'lost', close: 'closed' },
  manager: { connect: 'reconnected', disconnect: 'disconnected' },
  wrapper: { connect: 'restored', error: 'lost', close: 'closed' },
};

const OF_A_MESSAGE = new Set(
  'contentType contentEncoding headers deliveryMode priority correlationId replyTo expiration messageId type userId appId'.split(
    ' ',
  ),
);

/** Moves a project to the client core. Files that belong together by imports change together, or not at all. */
export function migrateAmqplib(workspace: Workspace): void {
  const importing = workspace.all.map(({ file }) => file).filter((file) => importsFrom(file, AMQPLIB_MODULES));
  const near = workspace.all
    .map(({ file }) => file)
    .filter(
      (file) =>
        !importing.includes(file) && [...filesImportedBy(file)].some((imported) => importing.includes(imported)),
    );
  const roles = new Roles([...importing, ...near]);
  const concerned = new Set(importing);
  for (const declaration of roles.declarations.keys()) {
    for (const mention of [declaration, ...mentionsOf(declaration)]) concerned.add(mention.getSourceFile());
  }
  for (const file of near) if (roles.unknownIn(file).length > 0) concerned.add(file);
  for (const group of connectedFiles([...concerned])) {
    const draft = new Draft(workspace);
    for (const file of group) {
      for (const access of roles.unknownIn(file)) {
        draft.refuse(access, `${access.getName()}() of something that the codemod cannot follow to its connection`);
      }
      draftImports(draft, file);
      draftDirectUses(draft, file, roles);
      for (const [declaration, role] of roles.declarations) {
        for (const mention of mentionsOf(declaration)) {
          if (mention.getSourceFile() === file) draftMention(draft, mention, role, roles);
        }
      }
    }
    draft.commit();
  }
}

/** Everything that a file takes from the old packages. */
function draftImports(draft: Draft, file: SourceFile): void {
  const { Node: Kind, SyntaxKind } = ast();
  for (const name of file.getDescendantsOfKind(SyntaxKind.Identifier)) {
    if (name.getFirstAncestorByKind(SyntaxKind.ImportDeclaration)) continue;
    const parent = name.getParent();
    const whole =
      (Kind.isPropertyAccessExpression(parent) && parent.getExpression() === name) ||
      (Kind.isQualifiedName(parent) && parent.getLeft() === name)
        ? parent
        : name;
    if (Kind.isPropertyAccessExpression(parent) && parent.getNameNode() === name) continue;
    const origin = originOf(whole) ?? originOf(name);
    if (!origin || !AMQPLIB_MODULES.includes(origin.module)) continue;
    if (Kind.isVariableDeclaration(parent) || Kind.isBindingElement(parent)) continue;
    draftOrigin(draft, name, whole, origin.module, origin.name);
  }
  for (const statement of file.getDescendantsOfKind(SyntaxKind.VariableStatement)) {
    const module = statement.getDeclarations().map((found) => requiredModule(found.getInitializer()))[0];
    if (module === undefined || !AMQPLIB_MODULES.includes(module)) continue;
    if (statement.getDeclarations().length > 1) draft.refuse(statement, 'a require beside other declarations');
    draft.replace(statement, REQUIRE_MARK);
  }
}

function draftOrigin(draft: Draft, name: Identifier, whole: Node, module: string, exported: string): void {
  const { Node: Kind } = ast();
  const call = whole.getParent();
  if (exported === 'connect' && Kind.isCallExpression(call) && call.getExpression() === whole) {
    if (module === AMQPLIB) rewriteConnect(draft, call);
    else rewriteManagedConnect(draft, call);
    return;
  }
  const query = whole.getFirstAncestorByKind(ast().SyntaxKind.TypeQuery);
  if (exported === 'connect' && query) {
    draft.replace(query.getExprName(), draft.need(name.getSourceFile(), CLIENT, 'connect'));
    return;
  }
  const type = TYPES[exported];
  if (!type || !Kind.isTypeReference(whole.getParent())) {
    draft.refuse(whole, `${whole.getText()} of ${module}`);
    return;
  }
  draft.replace(whole, draft.need(name.getSourceFile(), CLIENT, type, isTypeOnly(name)));
}

function isTypeOnly(name: Identifier): boolean {
  const { Node: Kind, SyntaxKind } = ast();
  const declaration = name.getSymbol()?.getDeclarations()[0];
  const statement = declaration?.getFirstAncestorByKind(SyntaxKind.ImportDeclaration);
  return statement?.isTypeOnly() === true || (Kind.isImportSpecifier(declaration) && declaration.isTypeOnly());
}

function draftMention(draft: Draft, mention: Node, role: Role, roles: Roles): void {
  const { Node: Kind } = ast();
  const owner = mention.getParent();
  // In `this.channel` the code uses the whole expression.
  let whole: Node = Kind.isPropertyAccessExpression(owner) && owner.getNameNode() === mention ? owner : mention;
  while (Kind.isNonNullExpression(whole.getParent()) || Kind.isParenthesizedExpression(whole.getParent())) {
    whole = whole.getParentOrThrow();
  }
  if (Kind.isAsExpression(whole.getParent())) whole = whole.getParentOrThrow();
  const access = whole.getParent();
  if (Kind.isPropertyAccessExpression(access) && access.getExpression() === whole) {
    draftMember(draft, whole, access, role, roles);
    return;
  }
  if (isExportedByCommonJs(whole))
    draft.refuse(mention, `the ${role} is exported by module.exports: export a function that returns it`);
  else if (!isHarmless(whole) && !isGivenToOurs(whole, role, roles)) draft.refuse(mention, `the ${role} is handed on`);
}

/** Drafts calls on a value that has no name, such as `(await getConnection()).createChannel()`. */
function draftDirectUses(draft: Draft, file: SourceFile, roles: Roles): void {
  const { Node: Kind, SyntaxKind } = ast();
  for (const access of file.getDescendantsOfKind(SyntaxKind.PropertyAccessExpression)) {
    const owner = access.getExpression();
    const plain = bare(owner);
    if (!plain || Kind.isIdentifier(plain) || Kind.isPropertyAccessExpression(plain)) continue;
    const awaited = Kind.isAwaitExpression(plain) ? bare(plain.getExpression()) : plain;
    const role = Kind.isCallExpression(awaited) ? roles.of(plain) : undefined;
    if (role) draftMember(draft, owner, access, role, roles);
  }
}

function draftMember(draft: Draft, whole: Node, access: PropertyAccessExpression, role: Role, roles: Roles): void {
  const { Node: Kind } = ast();
  const call = access.getParent();
  // The value is a promise. The parameter of the callback has the role.
  if (['then', 'catch', 'finally'].includes(access.getName())) return;
  if (role === 'message') {
    draftMessage(draft, whole, access);
    return;
  }
  if (!Kind.isCallExpression(call) || call.getExpression() !== access) {
    draft.refuse(access, `${role}.${access.getName()}`);
    return;
  }
  const name = access.getName();
  if (name === 'on' || name === 'once') {
    draftEvent(draft, call, role);
    return;
  }
  if (role === 'connection' || role === 'manager') draftConnectionCall(draft, call, access, role);
  else if (role === 'wrapper' && name === 'waitForConnect') draftWait(draft, call);
  else if (role === 'wrapper' && name === 'addSetup') {
    const [setup] = call.getArguments();
    if (!setup) draft.refuse(call, 'addSetup() without a function');
    else draft.replace(call, () => `(${draft.print(setup)})(${draft.print(access.getExpression())})`);
  } else rewriteChannelCall({ draft, call, access, roles, json: role === 'wrapper' && isJson(whole) });
}

function draftConnectionCall(
  draft: Draft,
  call: CallExpression,
  access: PropertyAccessExpression,
  role: 'connection' | 'manager',
): void {
  const connection = (): string => draft.print(access.getExpression());
  const name = access.getName();
  if (role === 'manager' && name === 'createChannel') rewriteManagedChannel(draft, call, connection);
  else if (role === 'manager' && name === 'isConnected') draft.replace(call, () => `${connection()}.isAlive`);
  else if (name === 'createChannel' || name === 'createConfirmChannel') {
    if (call.getArguments().length > 0) draft.refuse(call, `${name}() with arguments`);
    const options = name === 'createChannel' ? '' : '{ confirm: true }';
    const dot = access.hasQuestionDotToken() ? '?.' : '.';
    draft.replace(call, () => callText(`${connection()}${dot}openChannel`, [options]));
    draft.tell(call, `${name}() → openChannel(${options})`);
  } else if (name !== 'close') draft.refuse(access, `connection.${name}`);
}

/** Replaces the wait: opening the channel has awaited that already. */
function draftWait(draft: Draft, call: CallExpression): void {
  draft.replace(call, 'Promise.resolve()');
}

function isJson(wrapper: Node): boolean {
  const { Node: Kind } = ast();
  const name = Kind.isPropertyAccessExpression(wrapper) ? wrapper.getNameNode() : wrapper;
  for (const declaration of name.getSymbol()?.getDeclarations() ?? []) {
    const initializer =
      Kind.isVariableDeclaration(declaration) || Kind.isPropertyDeclaration(declaration)
        ? declaration.getInitializer()
        : undefined;
    if (writesJson(initializer)) return true;
    for (const mention of mentionsOf(declaration)) {
      const access = mention.getParent();
      const assigned = Kind.isPropertyAccessExpression(access) ? access.getParent() : access;
      if (Kind.isBinaryExpression(assigned) && writesJson(assigned.getRight())) return true;
    }
  }
  return false;
}

function draftEvent(draft: Draft, call: CallExpression, role: Role): void {
  const { Node: Kind } = ast();
  const [event, listener] = call.getArguments();
  const name = Kind.isStringLiteral(event) ? event.getLiteralText() : undefined;
  const instead = name === undefined ? undefined : EVENTS[role]?.[name];
  const takesDetails =
    (Kind.isArrowFunction(listener) || Kind.isFunctionExpression(listener)) && listener.getParameters().length > 0;
  if (!event || instead === undefined || (role === 'manager' && takesDetails)) {
    draft.refuse(call, `event ${event?.getText() ?? ''} of a ${role}`);
    return;
  }
  draft.replace(event, `'${instead}'`);
  if (role === 'connection' && (name === 'close' || name === 'error')) {
    draft.warn(call, 'connection and channels come back by themselves: code that reconnects is not needed any more');
  }
}

function draftMessage(draft: Draft, whole: Node, access: PropertyAccessExpression): void {
  const { Node: Kind } = ast();
  const dot = access.hasQuestionDotToken() ? '?.' : '.';
  const part = access.getName();
  if (part === 'content') {
    draft.replace(access, () => `${draft.print(whole)}${dot}body`);
    return;
  }
  const inner = access.getParent();
  const name = Kind.isPropertyAccessExpression(inner) && inner.getExpression() === access ? inner.getName() : undefined;
  if (part === 'fields' && name !== undefined && Kind.isPropertyAccessExpression(inner)) {
    draft.replace(inner, () => `${draft.print(whole)}${dot}${name}`);
  } else if (part !== 'properties' || (name !== undefined && !OF_A_MESSAGE.has(name))) {
    draft.refuse(access, `message.${part}${name === undefined ? '' : `.${name}`}: see Delivery`);
  }
}

/** Returns whether the code compares, assigns or returns the value, which means the same as before. */
function isHarmless(whole: Node): boolean {
  const { Node: Kind } = ast();
  const parent = whole.getParent();
  return (
    Kind.isBinaryExpression(parent) ||
    Kind.isPrefixUnaryExpression(parent) ||
    Kind.isIfStatement(parent) ||
    Kind.isConditionalExpression(parent) ||
    Kind.isReturnStatement(parent) ||
    Kind.isAwaitExpression(parent) ||
    Kind.isExportSpecifier(parent) ||
    Kind.isArrowFunction(parent) ||
    Kind.isVariableDeclaration(parent) ||
    Kind.isPropertyAssignment(parent) ||
    Kind.isShorthandPropertyAssignment(parent) ||
    Kind.isExportAssignment(parent)
  );
}

/** Returns whether the value is exported by `module.exports = { channel }`, so that its users are not known. */
function isExportedByCommonJs(whole: Node): boolean {
  const assignment = whole.getFirstAncestorByKind(ast().SyntaxKind.BinaryExpression);
  return (
    assignment !== undefined &&
    /^(module\.)?exports\b/.test(assignment.getLeft().getText()) &&
    assignment.getLeft() !== whole
  );
}

/** Returns whether the value is an argument whose parameter has the same role. Calls of a channel check theirs. */
function isGivenToOurs(whole: Node, role: Role, roles: Roles): boolean {
  const { Node: Kind } = ast();
  const call = whole.getParent();
  if (!Kind.isCallExpression(call) && !Kind.isNewExpression(call)) return false;
  const callee = call.getExpression();
  if (/^console\.\w+$|^expect$/.test(callee.getText())) return true;
  if (Kind.isPropertyAccessExpression(callee)) {
    const owner = roles.of(callee.getExpression());
    if ((owner === 'channel' || owner === 'wrapper') && role === 'message') return true;
  }
  const at = call.getArguments().findIndex((argument) => argument === whole);
  const name = Kind.isPropertyAccessExpression(callee) ? callee.getNameNode() : callee;
  const [declaration] = targetsOf(name);
  const made =
    Kind.isVariableDeclaration(declaration) || Kind.isPropertyDeclaration(declaration)
      ? declaration.getInitializer()
      : Kind.isClassDeclaration(declaration)
        ? declaration.getConstructors()[0]
        : declaration;
  if (
    !Kind.isFunctionDeclaration(made) &&
    !Kind.isMethodDeclaration(made) &&
    !Kind.isArrowFunction(made) &&
    !Kind.isFunctionExpression(made) &&
    !Kind.isConstructorDeclaration(made)
  ) {
    return false;
  }
  const parameter = made.getParameters()[at];
  return parameter !== undefined && roles.declarations.get(parameter) === role;
}
