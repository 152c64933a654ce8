import type { Decorator, MethodDeclaration, Node, ParameterDeclaration } from 'ts-morph';
import { ast } from '../source/ast.js';
import type { Draft } from '../source/draft.js';
import { isFalse, isTrue } from '../source/reading.js';
import { mentionsOf } from '../source/symbols.js';
import { golevelupName } from './names.js';
import { rewriteRawMessage } from './raw-message.js';

/** Rewrites the parameters of a handler and its report of a failure. */
export function rewriteSignature(draft: Draft, method: MethodDeclaration, batch: boolean): void {
  const { Node: Kind } = ast();
  const parameters = method.getParameters();
  const decorated = parameters.flatMap((parameter) => parameter.getDecorators()).filter((found) => nameOf(found));
  if (decorated.length > 0) for (const decorator of decorated) rewriteDecorator(draft, decorator);
  else if (batch) rewriteBatch(draft, method);
  else if (parameters.every((parameter) => parameter.getDecorators().length === 0)) rewritePositions(draft, parameters);
  rewriteNacks(draft, method);
  for (const mention of mentionsOf(method)) {
    const call = mention.getParent()?.getParent();
    if (Kind.isCallExpression(call) && call.getArguments().length > 1) {
      draft.refuse(call, `${method.getName()} is called with a raw message`);
    }
  }
}

const nameOf = (decorator: Decorator): string | undefined => {
  const name = golevelupName(decorator.getNameNode());
  return name && ['RabbitPayload', 'RabbitHeader', 'RabbitRequest'].includes(name) ? name : undefined;
};

function rewriteDecorator(draft: Draft, decorator: Decorator): void {
  const { Node: Kind } = ast();
  const file = decorator.getSourceFile();
  const name = nameOf(decorator);
  const [first] = decorator.getArguments();
  if (name === 'RabbitPayload') draft.replace(decorator.getNameNode(), draft.need(file, 'nest-amqp', 'Payload'));
  else if (name === 'RabbitHeader') {
    if (!Kind.isStringLiteral(first)) draft.refuse(decorator, 'all headers in one argument: AmqpContext has `headers`');
    draft.replace(decorator.getNameNode(), draft.need(file, 'nest-amqp', 'AmqpHeader'));
  } else {
    if (first) draft.refuse(decorator, 'a part of the raw message as an argument');
    draft.replace(decorator.getNameNode(), draft.need(file, 'nest-amqp', 'Ctx'));
    const parameter = decorator.getParentOrThrow();
    if (Kind.isParameterDeclaration(parameter)) asContext(draft, parameter);
  }
}

/** Rewrites parameters without decorators: golevelup passes the payload, the raw message and the headers. */
function rewritePositions(draft: Draft, [payload, message, headers]: readonly ParameterDeclaration[]): void {
  if (!payload) return;
  const file = payload.getSourceFile();
  draft.insert(file, payload.getStart(), `@${draft.need(file, 'nest-amqp', 'Payload')}() `);
  if (!message) return;
  draft.insert(file, message.getStart(), `@${draft.need(file, 'nest-amqp', 'Ctx')}() `);
  asContext(draft, message);
  if (!headers) return;
  for (const mention of mentionsOf(headers)) draft.replace(mention, `${message.getName()}.headers`);
  draft.replaceRange(file, message.getEnd(), headers.getEnd(), '');
}

function asContext(draft: Draft, parameter: ParameterDeclaration): void {
  const { Node: Kind } = ast();
  if (!Kind.isIdentifier(parameter.getNameNode())) {
    draft.refuse(parameter, 'a raw message that is taken apart in the parameter list');
    return;
  }
  const file = parameter.getSourceFile();
  const type = parameter.getTypeNode();
  const context = draft.need(file, 'nest-amqp', 'AmqpContext');
  if (type) draft.replace(type, context);
  rewriteRawMessage(draft, parameter, parameter.getName());
}

/** Rewrites a batch handler. The payloads keep their name; the batch items get another. */
function rewriteBatch(draft: Draft, method: MethodDeclaration): void {
  const { Node: Kind } = ast();
  const [payloads, ...others] = method.getParameters();
  if (others.length > 0) draft.refuse(method, 'a batch with raw messages: each AmqpBatchItem has its `context`');
  const type = payloads?.getTypeNode();
  const body = method.getBody();
  if (!payloads || !Kind.isIdentifier(payloads.getNameNode()) || !Kind.isArrayTypeNode(type) || !Kind.isBlock(body)) {
    draft.refuse(method, 'a batch whose parameter is no list with a type');
    return;
  }
  const file = method.getSourceFile();
  const item = draft.need(file, 'nest-amqp', 'AmqpBatchItem');
  draft.replace(payloads, `items: ${item}<${type.getElementTypeNode().getText()}>[]`);
  const line = file.getFullText().slice(0, method.getStart()).split('\n').at(-1) ?? '';
  const indent = /^\s*/.exec(line)?.[0] ?? '';
  draft.insert(
    file,
    body.getStart() + 1,
    `\n${indent}  const ${payloads.getName()} = items.map((item) => item.payload);`,
  );
}

/** Replaces `return new Nack(…)` by an error with the same effect. */
function rewriteNacks(draft: Draft, method: MethodDeclaration): void {
  const { Node: Kind, SyntaxKind } = ast();
  const file = method.getSourceFile();
  for (const nack of method.getDescendantsOfKind(SyntaxKind.NewExpression)) {
    if (golevelupName(nack.getExpression()) !== 'Nack') continue;
    const statement = nack.getParent();
    if (!Kind.isReturnStatement(statement)) {
      draft.refuse(nack, 'a Nack that is not returned at once');
      continue;
    }
    if (isInsideTry(statement, method)) draft.refuse(nack, 'a Nack inside try: an error thrown there would be caught');
    const owner = statement.getFirstAncestor((above) => Kind.isFunctionLikeDeclaration(above));
    if (owner !== method) draft.refuse(nack, 'a Nack that a function inside the handler returns');
    const [requeue] = nack.getArguments();
    const reject = (): string => `new ${draft.need(file, 'nest-amqp', 'RejectMessage')}()`;
    const again = (): string => `new ${draft.need(file, 'nest-amqp', 'RequeueMessage')}()`;
    const error =
      !requeue || isFalse(requeue)
        ? reject()
        : isTrue(requeue)
          ? again()
          : `${requeue.getText()} ? ${again()} : ${reject()}`;
    draft.replaceRange(file, statement.getStart(), nack.getEnd(), `throw ${error}`);
  }
  const type = method.getReturnTypeNode();
  if (type) for (const reference of type.getDescendantsOfKind(SyntaxKind.TypeReference)) withoutNack(draft, reference);
}

function isInsideTry(statement: Node, method: Node): boolean {
  const { Node: Kind } = ast();
  for (let at = statement, above = at.getParent(); above && at !== method; at = above, above = above.getParent()) {
    if (Kind.isTryStatement(above) && above.getTryBlock() === at && above.getCatchClause()) return true;
  }
  return false;
}

/** `Promise<void | Nack>` → `Promise<void>`. */
function withoutNack(draft: Draft, reference: Node): void {
  const { Node: Kind } = ast();
  if (!Kind.isTypeReference(reference) || golevelupName(reference.getTypeName()) !== 'Nack') return;
  const union = reference.getParent();
  if (!Kind.isUnionTypeNode(union)) {
    draft.replace(reference, 'void');
    return;
  }
  const others = union.getTypeNodes().filter((type) => type !== reference);
  draft.replace(union, others.map((type) => type.getText()).join(' | '));
}
