import type { Expression, Node, ObjectLiteralExpression, SourceFile } from 'ts-morph';
import { ast } from './ast.js';
import type { Draft } from './draft.js';
import { originalDeclarationOf } from './symbols.js';

/** The options of a literal object: each name with the expression of its value. */
export type Options = Map<string, Expression>;

/** Takes parentheses, `as const` and `satisfies` away. */
export function bare(node: Node | undefined): Node | undefined {
  const { Node: Kind } = ast();
  if (
    Kind.isParenthesizedExpression(node) ||
    Kind.isAsExpression(node) ||
    Kind.isSatisfiesExpression(node) ||
    Kind.isNonNullExpression(node)
  ) {
    return bare(node.getExpression());
  }
  return node;
}

/** The object, array or string that an expression is: itself, or the constant that it names. */
export function valueOf(node: Node | undefined): Node | undefined {
  const { Node: Kind } = ast();
  const plain = bare(node);
  if (Kind.isIdentifier(plain)) {
    const declaration = originalDeclarationOf(plain);
    if (Kind.isVariableDeclaration(declaration) && isConst(declaration)) return valueOf(declaration.getInitializer());
    return plain;
  }
  if (Kind.isPropertyAccessExpression(plain)) {
    const declaration = originalDeclarationOf(plain);
    if (Kind.isPropertyAssignment(declaration)) return valueOf(declaration.getInitializer());
    if (Kind.isEnumMember(declaration)) return valueOf(declaration.getInitializer());
    if (Kind.isPropertyDeclaration(declaration) && declaration.isStatic() && declaration.isReadonly()) {
      return valueOf(declaration.getInitializer());
    }
  }
  return plain;
}

function isConst(declaration: Node): boolean {
  const { Node: Kind } = ast();
  const statement = Kind.isVariableDeclaration(declaration) ? declaration.getVariableStatement() : undefined;
  return statement?.getDeclarationKind() === ast().VariableDeclarationKind.Const;
}

/** The text that an expression is known to have, or undefined. */
export function textOf(node: Node | undefined): string | undefined {
  const { Node: Kind } = ast();
  const value = valueOf(node);
  return Kind.isStringLiteral(value) || Kind.isNoSubstitutionTemplateLiteral(value)
    ? value.getLiteralText()
    : undefined;
}

/**
 * Reads an object literal, or the constant that holds one; spreads of such constants are read along.
 *
 * @returns undefined when it is something else, which is refused with the reason
 */
export function readOptions(draft: Draft, node: Node | undefined, what: string): Options | undefined {
  const { Node: Kind } = ast();
  const value = valueOf(node);
  if (!node) return new Map();
  if (!Kind.isObjectLiteralExpression(value)) {
    draft.refuse(node, `${what} is no literal object`);
    return undefined;
  }
  return readLiteral(draft, value, what);
}

function readLiteral(draft: Draft, literal: ObjectLiteralExpression, what: string): Options | undefined {
  const { Node: Kind } = ast();
  const options: Options = new Map();
  for (const property of literal.getProperties()) {
    if (Kind.isPropertyAssignment(property)) {
      const name = property.getNameNode();
      if (Kind.isComputedPropertyName(name)) {
        draft.refuse(property, `${what} has a computed name`);
        return undefined;
      }
      options.set(
        Kind.isStringLiteral(name) ? name.getLiteralText() : name.getText(),
        property.getInitializerOrThrow(),
      );
    } else if (Kind.isShorthandPropertyAssignment(property)) {
      options.set(property.getName(), property.getNameNode());
    } else if (Kind.isSpreadAssignment(property)) {
      const spread = readOptions(draft, property.getExpression(), `what is spread into ${what}`);
      if (!spread) return undefined;
      for (const [name, expression] of spread) options.set(name, expression);
    } else {
      draft.refuse(property, `${what} has a method`);
      return undefined;
    }
  }
  return options;
}

/** The elements of an array literal or the constant that holds one; undefined when it is something else. */
export function elementsOf(node: Node | undefined): Expression[] | undefined {
  const { Node: Kind } = ast();
  const value = valueOf(node);
  return Kind.isArrayLiteralExpression(value) ? value.getElements() : undefined;
}

export const isTrue = (node: Node | undefined): boolean => bare(node)?.getText() === 'true';
export const isFalse = (node: Node | undefined): boolean => bare(node)?.getText() === 'false';

/**
 * The text of an expression as another file can have it: what it names is imported there. A constant of the file it
 * comes from is exported for that.
 */
export function carry(draft: Draft, expression: Node, to: SourceFile): string {
  const { Node: Kind } = ast();
  const from = expression.getSourceFile();
  if (from === to) return expression.getText();
  const replaced: { start: number; end: number; text: string }[] = [];
  const each = (node: Node): void => {
    if (node.getKind() === ast().SyntaxKind.ThisKeyword) draft.refuse(node, `'this' cannot move to another file`);
    if (!Kind.isIdentifier(node)) {
      node.forEachChild(each);
      return;
    }
    const parent = node.getParent();
    if (Kind.isPropertyAccessExpression(parent) && parent.getNameNode() === node) return;
    if (Kind.isPropertyAssignment(parent) && parent.getNameNode() === node) return;
    const text = carryName(draft, node, to);
    if (text !== undefined && text !== node.getText()) {
      replaced.push({ start: node.getStart(), end: node.getEnd(), text });
    }
  };
  each(expression);
  const start = expression.getStart();
  return replaced
    .sort((a, b) => b.start - a.start)
    .reduce(
      (text, change) => text.slice(0, change.start - start) + change.text + text.slice(change.end - start),
      expression.getText(),
    );
}

function carryName(draft: Draft, name: Node, to: SourceFile): string | undefined {
  const { Node: Kind } = ast();
  const from = name.getSourceFile();
  const declaration = name.getSymbol()?.getDeclarations()[0];
  if (!declaration || declaration.getSourceFile() !== from) return undefined;
  const source = draft.workspace.of(to);
  const specifier = (file: SourceFile | undefined, written: string): string =>
    file && written.startsWith('.') ? source.specifierOf(file, from) : written;
  const imported = declaration.getFirstAncestorByKind(ast().SyntaxKind.ImportDeclaration);
  if (imported) {
    const module = specifier(imported.getModuleSpecifierSourceFile(), imported.getModuleSpecifierValue());
    if (Kind.isImportSpecifier(declaration)) {
      if (imported.getModuleSpecifierSourceFile() === to) return declaration.getName();
      return draft.need(to, module, declaration.getName());
    }
    const kind = Kind.isNamespaceImport(declaration) ? '*' : 'default';
    draft.needWhole(to, module, kind, name.getText());
    return undefined;
  }
  const statement = Kind.isVariableDeclaration(declaration) ? declaration.getVariableStatement() : declaration;
  if (statement?.getParent() !== from || !Kind.isExportable(statement)) {
    if (statement !== undefined && declaration.getFirstAncestor((above) => above === name) === undefined) {
      draft.refuse(name, `'${name.getText()}' is known only where it stands`);
    }
    return undefined;
  }
  if (statement.isDefaultExport()) {
    draft.refuse(name, `'${name.getText()}' is a default export`);
    return undefined;
  }
  if (!statement.isExported()) draft.insert(from, statement.getStart(), 'export ');
  return draft.need(to, source.specifierOf(from, from), name.getText());
}
