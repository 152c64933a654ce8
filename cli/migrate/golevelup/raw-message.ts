import type { Node } from 'ts-morph';
import { ast } from '../source/ast.js';
import type { Draft } from '../source/draft.js';
import { mentionsOf } from '../source/symbols.js';

const PROPERTIES = new Set(
  (
    'contentType contentEncoding deliveryMode priority correlationId replyTo expiration messageId timestamp type userId ' +
    'appId'
  ).split(' '),
);

/** Returns the member of `AmqpContext` for a part of amqplib's message; undefined for a part without one. */
function inContext(path: readonly string[]): string | undefined {
  const [part = '', name = ''] = path;
  if (part === 'content') return 'delivery.body';
  if (part === 'fields') {
    if (name === 'routingKey' || name === 'exchange') return name;
    if (['redelivered', 'deliveryTag', 'consumerTag'].includes(name)) return `delivery.${name}`;
  }
  if (part === 'properties') {
    if (name === 'headers') return name;
    if (PROPERTIES.has(name)) return `properties.${name}`;
  }
  return undefined;
}

/** Rewrites the uses of a raw message to uses of the context that replaces it. */
export function rewriteRawMessage(draft: Draft, parameter: Node, name: string): void {
  for (const mention of mentionsOf(parameter)) {
    const [whole, path] = accessPath(mention);
    const instead = path.length > 0 ? inContext(path) : undefined;
    if (instead === undefined) {
      const used = path.length > 0 ? `${name}.${path.join('.')}` : 'the raw message as a whole';
      draft.refuse(mention, `${used}: AmqpContext has \`delivery\`, \`properties\` and \`headers\``);
    } else draft.replace(whole, `${name}.${instead}`);
  }
}

/** Returns the expression around a mention of `message`, such as `message.fields.routingKey`, and the names in it. */
function accessPath(mention: Node): [Node, string[]] {
  const { Node: Kind } = ast();
  let whole = mention;
  const path: string[] = [];
  while (path.length < 2 && path[0] !== 'content') {
    let above = whole.getParent();
    // `message!.fields`
    if (Kind.isNonNullExpression(above)) above = above.getParent();
    if (!Kind.isPropertyAccessExpression(above)) break;
    path.push(above.getName());
    whole = above;
  }
  return [whole, path];
}
