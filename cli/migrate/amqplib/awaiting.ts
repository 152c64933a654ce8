import type {
  ArrowFunction,
  CallExpression,
  FunctionDeclaration,
  FunctionExpression,
  MethodDeclaration,
  Node,
} from 'ts-morph';
import { ast } from '../source/ast.js';
import type { Draft } from '../source/draft.js';
import { mentionsOf } from '../source/symbols.js';

type Callable = ArrowFunction | FunctionDeclaration | FunctionExpression | MethodDeclaration;

/** The use of a call's value. */
export type Use = 'unused' | 'returned' | 'used';

/** The expression around a call with its `await` and parentheses. */
export function awaitedOf(call: Node): { outer: Node; awaited: boolean } {
  const { Node: Kind } = ast();
  let outer = call;
  let awaited = false;
  for (let above = outer.getParent(); above; above = outer.getParent()) {
    if (!Kind.isAwaitExpression(above) && !Kind.isParenthesizedExpression(above) && !Kind.isVoidExpression(above))
      break;
    awaited ||= Kind.isAwaitExpression(above);
    outer = above;
  }
  return { outer, awaited };
}

export function useOf(call: Node): Use {
  const { Node: Kind } = ast();
  const parent = awaitedOf(call).outer.getParent();
  if (Kind.isExpressionStatement(parent) || Kind.isArrayLiteralExpression(parent)) return 'unused';
  if (Kind.isVariableDeclaration(parent) && mentionsOf(parent).length === 0) {
    return Kind.isIdentifier(parent.getNameNode()) ? 'unused' : 'used';
  }
  return Kind.isReturnStatement(parent) || Kind.isArrowFunction(parent) ? 'returned' : 'used';
}

/** Functions that are asynchronous by now, so that none is changed twice. */
const made = new WeakMap<Draft, Set<Node>>();

/**
 * Makes the function await a publish that amqplib did not wait for, so that its error reaches a caller.
 *
 * @returns the text that goes before the call
 */
export function awaitPrefix(draft: Draft, call: CallExpression): string {
  const { Node: Kind } = ast();
  const { outer, awaited } = awaitedOf(call);
  if (awaited || !Kind.isExpressionStatement(outer.getParent())) return '';
  const owner = call.getFirstAncestor((above) => isCallable(above) || Kind.isConstructorDeclaration(above));
  if (!owner) return /\.(c?js|cts)$/.test(call.getSourceFile().getFilePath()) ? refused(draft, call) : 'await ';
  if (!isCallable(owner)) return refused(draft, call);
  return makeAsync(draft, owner, call) ? 'await ' : '';
}

function refused(draft: Draft, call: Node): string {
  draft.refuse(
    call,
    'a publish where nothing can be awaited: it is a promise now, which rejects when the message is lost',
  );
  return '';
}

function isCallable(node: Node): node is Callable {
  const { Node: Kind } = ast();
  return (
    Kind.isArrowFunction(node) ||
    Kind.isFunctionDeclaration(node) ||
    Kind.isFunctionExpression(node) ||
    Kind.isMethodDeclaration(node)
  );
}

function makeAsync(draft: Draft, owner: Callable, call: Node): boolean {
  const { Node: Kind, SyntaxKind } = ast();
  if (owner.isAsync()) return true;
  const before = made.get(draft) ?? new Set<Node>();
  made.set(draft, before);
  if (before.has(owner)) return true;
  const type = owner.getReturnTypeNode();
  const returns = owner
    .getDescendantsOfKind(SyntaxKind.ReturnStatement)
    .filter((found) => found.getFirstAncestor((above) => isCallable(above)) === owner && found.getExpression());
  if (returns.length > 0 || (type && type.getText() !== 'void')) {
    draft.refuse(call, 'a publish in a function that returns something else: make the function async');
    return false;
  }
  before.add(owner);
  if (type) draft.replace(type, 'Promise<void>');
  const at = Kind.isMethodDeclaration(owner) ? owner.getNameNode() : owner;
  const start = Kind.isFunctionDeclaration(owner) ? owner.getFirstChildByKindOrThrow(SyntaxKind.FunctionKeyword) : at;
  draft.insert(owner.getSourceFile(), start.getStart(), 'async ');
  if (Kind.isArrowFunction(owner) || Kind.isFunctionExpression(owner)) {
    const variable = owner.getParent();
    if (Kind.isVariableDeclaration(variable)) awaitCalls(draft, mentionsOf(variable), variable.getName());
  } else awaitCalls(draft, mentionsOf(owner), owner.getName() ?? 'the function');
  return true;
}

/** Awaits the calls of a function that has become asynchronous, where that is possible. */
function awaitCalls(draft: Draft, mentions: readonly Node[], name: string): void {
  const { Node: Kind } = ast();
  for (const mention of mentions) {
    const access = mention.getParent();
    const callee = Kind.isPropertyAccessExpression(access) && access.getNameNode() === mention ? access : mention;
    const call = callee.getParent();
    if (!Kind.isCallExpression(call) || call.getExpression() !== callee) continue;
    const { outer, awaited } = awaitedOf(call);
    if (awaited || useOf(call) !== 'unused') continue;
    const owner = call.getFirstAncestor(isCallable);
    if (owner?.isAsync() === true && Kind.isExpressionStatement(outer.getParent())) {
      draft.insert(call.getSourceFile(), outer.getStart(), 'await ');
    } else draft.warn(call, `${name}() is asynchronous now, and not awaited here`);
  }
}
