import type { CallExpression, Identifier, Node, SourceFile } from 'ts-morph';
import { ast } from '../source/ast.js';
import { Draft } from '../source/draft.js';
import { connectedFiles } from '../source/groups.js';
import { bare, readOptions } from '../source/reading.js';
import { optionsText, publishOptions } from '../source/publish-options.js';
import { mentionsOf } from '../source/symbols.js';
import { callText, objectText } from '../source/topology.js';
import type { Workspace } from '../source/workspace.js';
import { golevelupName } from './names.js';

/** The methods of a connection that the codemod rewrites. It knows no others. */
const MEMBERS = new Set(['publish', 'request']);

/**
 * Drafts for all that uses `AmqpConnection`. Files that import each other change together: a service and its test, say.
 *
 * @param rpcTimeout text of the module's deadline for requests, where it sets one
 */
export function draftPublishing(workspace: Workspace, rpcTimeout: string | undefined): Draft[] {
  const files = new Map<SourceFile, Identifier[]>();
  for (const { file } of workspace.all) {
    const names = file
      .getDescendantsOfKind(ast().SyntaxKind.Identifier)
      .filter((name) => name.getText() === 'AmqpConnection' || golevelupName(name) === 'AmqpConnection')
      .filter((name) => golevelupName(name) === 'AmqpConnection' && !isImport(name));
    if (names.length > 0) files.set(file, names);
  }
  return connectedFiles([...files.keys()]).map((group) => {
    const draft = new Draft(workspace);
    for (const file of group) for (const name of files.get(file) ?? []) draftName(draft, name, rpcTimeout);
    return draft;
  });
}

function isImport(name: Node): boolean {
  return name.getFirstAncestorByKind(ast().SyntaxKind.ImportDeclaration) !== undefined;
}

function draftName(draft: Draft, name: Identifier, rpcTimeout: string | undefined): void {
  const { Node: Kind } = ast();
  draft.replace(name, draft.need(name.getSourceFile(), 'nest-amqp', 'ConfirmingPublisher'));
  const parent = name.getParent();
  if (Kind.isTypeReference(parent)) {
    const carrier = parent.getFirstAncestor(
      (above) =>
        Kind.isParameterDeclaration(above) || Kind.isPropertyDeclaration(above) || Kind.isVariableDeclaration(above),
    );
    if (carrier) draftCarrier(draft, carrier, rpcTimeout);
    return;
  }
  if (Kind.isCallExpression(parent) && parent.getArguments().some((argument) => argument === name)) {
    const callee = parent.getExpression().getText();
    if (/(^|\.)(get|resolve)$/.test(callee)) draftResult(draft, parent, rpcTimeout);
    else if (!/(^|\.)(Inject|overrideProvider|forwardRef)$/.test(callee)) {
      draft.refuse(name, `AmqpConnection as an argument of ${callee}`);
    }
    return;
  }
  const isToken = Kind.isPropertyAssignment(parent) && ['provide', 'useExisting'].includes(parent.getName());
  const isListed = Kind.isArrayLiteralExpression(parent);
  const isCompared = Kind.isBinaryExpression(parent);
  if (!isToken && !isListed && !isCompared)
    draft.refuse(name, 'AmqpConnection is used in a way that the codemod does not know');
}

/** Drafts the uses of the result of `app.get(AmqpConnection)`. */
function draftResult(draft: Draft, call: CallExpression, rpcTimeout: string | undefined): void {
  const { Node: Kind } = ast();
  let at: Node = call;
  while (Kind.isAwaitExpression(at.getParent()) || Kind.isParenthesizedExpression(at.getParent())) {
    at = at.getParentOrThrow();
  }
  const parent = at.getParent();
  if (Kind.isVariableDeclaration(parent)) draftCarrier(draft, parent, rpcTimeout);
  else if (Kind.isBinaryExpression(parent) || Kind.isReturnStatement(parent) || Kind.isArrowFunction(parent)) return;
  else draftUse(draft, at, rpcTimeout);
}

/** Drafts the uses of a parameter, property or variable that holds the connection. */
function draftCarrier(draft: Draft, carrier: Node, rpcTimeout: string | undefined): void {
  const { Node: Kind } = ast();
  for (const mention of mentionsOf(carrier)) {
    const parent = mention.getParent();
    const isMember = Kind.isPropertyAccessExpression(parent) && parent.getNameNode() === mention;
    draftUse(draft, isMember ? parent : mention, rpcTimeout);
  }
}

const IN_TEST = /\.(spec|test|e2e-spec|e2e)\.[cm]?tsx?$|\/tests?\//;

function draftUse(draft: Draft, use: Node, rpcTimeout: string | undefined): void {
  const { Node: Kind } = ast();
  const parent = use.getParent();
  if (Kind.isPropertyAccessExpression(parent) && parent.getExpression() === use) {
    const member = parent.getName();
    const call = parent.getParent();
    if (!MEMBERS.has(member)) draft.refuse(parent, `AmqpConnection.${member}: see "Publishing" in the guide`);
    else if (Kind.isCallExpression(call) && call.getExpression() === parent) {
      if (member === 'publish') draftPublish(draft, call);
      else draftRequest(draft, call, rpcTimeout);
    } else if (!IN_TEST.test(use.getSourceFile().getFilePath())) {
      draft.refuse(parent, `AmqpConnection.${member} is not called, but handed on`);
    } else if (member === 'request') draft.refuse(parent, 'a test that looks at the arguments of request()');
    return;
  }
  // `this.connection = connection`, `new Retry(this.connection)`: both sides have the type that the codemod renames.
  const isAssigned = Kind.isBinaryExpression(parent) || Kind.isVariableDeclaration(parent);
  const isValue = Kind.isPropertyAssignment(parent) || Kind.isShorthandPropertyAssignment(parent);
  if (isAssigned || isValue || isArgumentOfOurs(use)) return;
  draft.refuse(use, 'AmqpConnection is handed on');
}

function isArgumentOfOurs(use: Node): boolean {
  const { Node: Kind } = ast();
  const call = use.getParent();
  if (!Kind.isCallExpression(call) && !Kind.isNewExpression(call)) return false;
  const callee = call.getExpression();
  if (/^(expect|jest\.spyOn|vi\.spyOn|spyOn)$/.test(callee.getText()) || Kind.isSuperExpression(callee)) return true;
  const named = Kind.isPropertyAccessExpression(callee) ? callee.getNameNode() : callee;
  return named.getSymbol() !== undefined;
}

function draftPublish(draft: Draft, call: CallExpression): void {
  const { Node: Kind } = ast();
  const [exchange, routingKey, payload, given, ...others] = call.getArguments();
  if (!exchange || !routingKey || others.length > 0) {
    draft.refuse(call, 'publish() with arguments that the codemod does not know');
    return;
  }
  const options = publishOptions(draft, given, 'persistent');
  if (!options) return;
  checkResult(draft, call);
  const bytes = payload && jsonBytes(payload);
  const isText = isString(payload);
  if (payload && !bytes && Kind.isCallExpression(payload) && payload.getExpression().getText() === 'Buffer.from') {
    draft.warn(payload, 'bytes are sent as application/octet-stream, which nest-amqp hands to its consumers as bytes');
  }
  draft.replace(call, () => {
    const all = options();
    // golevelup writes every payload as JSON; nest-amqp sends a string as text unless the content type is JSON.
    if (isText && !all.has('contentType')) all.set('contentType', "'application/json'");
    const body = bytes ? draft.print(bytes) : payload ? draft.print(payload) : 'undefined';
    return callText(draft.print(call.getExpression()), [
      draft.print(exchange),
      draft.print(routingKey),
      body,
      optionsText(all),
    ]);
  });
  draft.tell(call, 'AmqpConnection.publish → ConfirmingPublisher.publish');
}

/** Returns the payload of `Buffer.from(JSON.stringify(order))`, which the publisher does itself. */
function jsonBytes(payload: Node): Node | undefined {
  const { Node: Kind } = ast();
  if (!Kind.isCallExpression(payload) || payload.getExpression().getText() !== 'Buffer.from') return undefined;
  const [text] = payload.getArguments();
  if (!Kind.isCallExpression(text) || text.getExpression().getText() !== 'JSON.stringify') return undefined;
  return text.getArguments().length === 1 ? text.getArguments()[0] : undefined;
}

function isString(payload: Node | undefined): boolean {
  const { Node: Kind } = ast();
  const plain = bare(payload);
  return (
    Kind.isStringLiteral(plain) ||
    Kind.isTemplateExpression(plain) ||
    Kind.isNoSubstitutionTemplateLiteral(plain) ||
    (Kind.isCallExpression(plain) && plain.getExpression().getText() === 'JSON.stringify')
  );
}

/**
 * Checks the use of the result: golevelup resolves with a boolean, nest-amqp with a receipt. The caller has to await the
 * publish to get its error.
 */
function checkResult(draft: Draft, call: CallExpression): void {
  const { Node: Kind } = ast();
  let at: Node = call;
  let awaited = false;
  for (let above = at.getParent(); above; above = at.getParent()) {
    if (!Kind.isAwaitExpression(above) && !Kind.isParenthesizedExpression(above)) break;
    awaited ||= Kind.isAwaitExpression(above);
    at = above;
  }
  const parent = at.getParent();
  if (Kind.isExpressionStatement(parent)) {
    if (!awaited)
      draft.warn(call, 'this publish is not awaited: no code handles its rejection when no queue takes the message');
    return;
  }
  if (Kind.isVariableDeclaration(parent)) {
    if (mentionsOf(parent).length > 0) draft.refuse(call, 'the boolean that publish() resolves with is used');
    return;
  }
  const owner = call.getFirstAncestor((above) => Kind.isFunctionLikeDeclaration(above));
  const returned = Kind.isReturnStatement(parent) || Kind.isArrowFunction(parent);
  const type = Kind.isFunctionLikeDeclaration(owner) ? owner.getReturnTypeNode()?.getText() : undefined;
  if (returned && type !== undefined && /boolean/.test(type))
    draft.refuse(call, 'the boolean of publish() is returned');
  else if (returned && (type === undefined || !/\bvoid\b/.test(type))) {
    draft.warn(call, 'the caller gets the receipt of this publish, where golevelup resolves with true');
  } else if (
    Kind.isIfStatement(parent) ||
    Kind.isConditionalExpression(parent) ||
    Kind.isPrefixUnaryExpression(parent)
  ) {
    draft.refuse(call, 'the boolean that publish() resolves with is used');
  }
}

const REQUEST = ['exchange', 'routingKey', 'payload'];
const REQUEST_OPTIONS = ['timeout', 'correlationId', 'headers', 'expiration'];

function draftRequest(draft: Draft, call: CallExpression, rpcTimeout: string | undefined): void {
  const given = readOptions(draft, call.getArguments()[0], 'the options of request()');
  if (!given) return;
  for (const [name, value] of given) {
    if (![...REQUEST, ...REQUEST_OPTIONS, 'publishOptions'].includes(name)) {
      draft.refuse(value, `option '${name}' of request()`);
    }
  }
  const [exchange, routingKey, payload] = REQUEST.map((name) => given.get(name));
  if (!exchange || !routingKey) {
    draft.refuse(call, 'request() without an exchange and a routing key');
    return;
  }
  const more = publishOptions(draft, given.get('publishOptions'), 'persistent');
  if (!more) return;
  const own = REQUEST_OPTIONS.flatMap((name) => {
    const value = given.get(name);
    return value ? [[name, value] as const] : [];
  });
  const types = call.getTypeArguments();
  draft.replace(call, () => {
    const texts = own.map(([name, value]) => [name, draft.print(value)] as const);
    const deadline = given.has('timeout') || rpcTimeout === undefined ? [] : [['timeout', rpcTimeout] as const];
    const options = objectText([...texts, ...deadline, ...more()]);
    const typed = types.length > 0 ? `<${types.map((type) => draft.print(type)).join(', ')}>` : '';
    const body = payload ? draft.print(payload) : '{}';
    return callText(`${draft.print(call.getExpression())}${typed}`, [
      draft.print(exchange),
      draft.print(routingKey),
      body,
      options,
    ]);
  });
  draft.tell(call, 'AmqpConnection.request → ConfirmingPublisher.request');
}
