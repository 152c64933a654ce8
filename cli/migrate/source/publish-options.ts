import type { Expression, Node } from 'ts-morph';
import { ast } from './ast.js';
import type { Draft } from './draft.js';
import { bare, isFalse, isTrue, readOptions } from './reading.js';
import { objectText } from './topology.js';

/** Properties of a message that amqplib has under the same name and of the same kind. */
const SAME = new Set(
  'contentType contentEncoding headers priority correlationId replyTo messageId type userId appId mandatory'.split(' '),
);

/** The option by which a package makes a message persistent. */
export type Persistence = 'persistent' | 'deliveryMode';

/**
 * amqplib's options of a publish under the names of nest-amqp.
 *
 * @returns each option with its text, evaluated when the file is printed; undefined when they are refused
 */
export function publishOptions(
  draft: Draft,
  given: Node | undefined,
  persistence: Persistence,
): (() => Map<string, string>) | undefined {
  if (given && bare(given)?.getText() === 'undefined') return () => new Map();
  const options = readOptions(draft, given, 'the options of a publish');
  if (!options) return undefined;
  const texts: [string, () => string][] = [];
  for (const [name, value] of options) {
    const property = converted(draft, name, value, persistence);
    if (property) texts.push(property);
    else draft.refuse(value, `option '${name}' of a publish`);
  }
  return () => new Map(texts.map(([name, text]) => [name, text()]));
}

export function optionsText(options: Map<string, string>): string {
  return objectText(options);
}

function converted(
  draft: Draft,
  name: string,
  value: Expression,
  persistence: Persistence,
): [string, () => string] | undefined {
  const { Node: Kind } = ast();
  if (SAME.has(name)) return [name, () => draft.print(value)];
  const plain = bare(value);
  if (name === 'expiration') {
    if (Kind.isNumericLiteral(plain)) return [name, () => `'${plain.getLiteralValue()}'`];
    const isText =
      Kind.isStringLiteral(plain) ||
      Kind.isTemplateExpression(plain) ||
      /^String\(|\.toString\(\)$/.test(plain?.getText() ?? '');
    return [name, () => (isText ? draft.print(value) : `String(${draft.print(value)})`)];
  }
  if (name === 'timestamp') {
    const text = plain?.getText();
    if (text === 'Date.now()') return [name, () => 'new Date()'];
    return undefined;
  }
  if (name !== 'persistent' && name !== 'deliveryMode') return undefined;
  const on = isTrue(value) || plain?.getText() === '2';
  const off = isFalse(value) || plain?.getText() === '1';
  if (on || off)
    return persistence === 'persistent' ? [persistence, () => String(on)] : [persistence, () => (on ? '2' : '1')];
  if (name === persistence) return [name, () => draft.print(value)];
  if (name === 'persistent') return [persistence, () => `${draft.print(value)} ? 2 : 1`];
  return undefined;
}
