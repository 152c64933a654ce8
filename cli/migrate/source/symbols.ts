import { posix } from 'node:path';
import type { BindingElement, Identifier, MethodDeclaration, Node, SourceFile, Symbol } from 'ts-morph';
import { ast } from './ast.js';

/** The export of a package that an expression names. */
export interface Origin {
  readonly module: string;
  /** `default` for a default import or a whole `require`, `*` for a namespace. */
  readonly name: string;
}

/** Returns the origin of an identifier or of a namespace's member; undefined if the project declares it. */
export function originOf(node: Node | undefined): Origin | undefined {
  const { Node: Kind } = ast();
  if (!node) return undefined;
  if (Kind.isIdentifier(node)) return importedAs(node);
  const [left, right] = Kind.isPropertyAccessExpression(node)
    ? [node.getExpression(), node.getName()]
    : Kind.isQualifiedName(node)
      ? [node.getLeft(), node.getRight().getText()]
      : [];
  if (!left || right === undefined || !Kind.isIdentifier(left)) return undefined;
  const whole = importedAs(left);
  return whole && (whole.name === '*' || whole.name === 'default') ? { module: whole.module, name: right } : undefined;
}

/** The one declaration of what a node names. */
export function declarationOf(node: Node): Node | undefined {
  return symbolOf(node)?.getDeclarations()[0];
}

/** The same, through the imports of the project's own files. */
export function originalDeclarationOf(node: Node): Node | undefined {
  const symbol = symbolOf(node);
  return (symbol?.getAliasedSymbol() ?? symbol)?.getDeclarations()[0] ?? symbol?.getDeclarations()[0];
}

function symbolOf(node: Node): Symbol | undefined {
  const parent = node.getParent();
  // `{ uri }` names both a property and a variable: the variable is meant.
  return ast().Node.isShorthandPropertyAssignment(parent) && parent.getNameNode() === node
    ? parent.getValueSymbol()
    : node.getSymbol();
}

function importedAs(node: Identifier): Origin | undefined {
  const { Node: Kind } = ast();
  const declaration = declarationOf(node);
  if (!declaration) return undefined;
  if (Kind.isImportSpecifier(declaration)) {
    const module = declaration.getImportDeclaration().getModuleSpecifierValue();
    return { module, name: declaration.getName() };
  }
  if (Kind.isImportClause(declaration)) {
    const parent = declaration.getParent();
    return Kind.isImportDeclaration(parent) ? { module: parent.getModuleSpecifierValue(), name: 'default' } : undefined;
  }
  if (Kind.isNamespaceImport(declaration)) {
    const found = declaration.getFirstAncestorByKind(ast().SyntaxKind.ImportDeclaration);
    return found && { module: found.getModuleSpecifierValue(), name: '*' };
  }
  return requiredAs(declaration);
}

/** `const amqp = require('amqplib')`, `const { connect } = require('amqplib')`. */
function requiredAs(declaration: Node): Origin | undefined {
  const { Node: Kind } = ast();
  if (Kind.isBindingElement(declaration)) {
    const variable = declaration.getParent().getParent();
    const module = Kind.isVariableDeclaration(variable) ? requiredModule(variable.getInitializer()) : undefined;
    return module === undefined
      ? undefined
      : { module, name: declaration.getPropertyNameNode()?.getText() ?? declaration.getName() };
  }
  if (!Kind.isVariableDeclaration(declaration)) return undefined;
  const module = requiredModule(declaration.getInitializer());
  return module === undefined ? undefined : { module, name: 'default' };
}

export function requiredModule(node: Node | undefined): string | undefined {
  const { Node: Kind } = ast();
  if (!Kind.isCallExpression(node) || node.getExpression().getText() !== 'require') return undefined;
  const [name] = node.getArguments();
  return Kind.isStringLiteral(name) ? name.getLiteralText() : undefined;
}

/** Returns whether a file imports or requires one of the packages. */
export function importsFrom(file: SourceFile, modules: readonly string[]): boolean {
  if (file.getImportDeclarations().some((found) => modules.includes(found.getModuleSpecifierValue()))) return true;
  return /\.[cm]?jsx?$/.test(file.getFilePath())
    ? file
        .getDescendantsOfKind(ast().SyntaxKind.CallExpression)
        .some((call) => modules.includes(requiredModule(call) ?? ''))
    : false;
}

/** Every mention of what a name declares, over the whole project, its declaration left out. */
export function mentionsOf(declaration: Node): Node[] {
  const { Node: Kind } = ast();
  if (!Kind.isReferenceFindable(declaration)) return [];
  return declaration.findReferencesAsNodes().filter((node) => {
    const parent = node.getParent();
    return parent !== declaration && !Kind.isImportSpecifier(parent) && !Kind.isImportClause(parent);
  });
}

/**
 * Every mention of a method, those included whose object is of a type that cannot be told: what `app.get(RmqService)`
 * gives is known to be a `RmqService` only where Nest's types are read.
 */
export function mentionsOfMethod(method: MethodDeclaration): Node[] {
  const { Node: Kind, SyntaxKind } = ast();
  const known = mentionsOf(method);
  const owner = method.getParent();
  const className = Kind.isClassDeclaration(owner) ? owner.getName() : undefined;
  if (className === undefined) return known;
  const guessed = method
    .getProject()
    .getSourceFiles()
    .filter((file) => file.getDescendantsOfKind(SyntaxKind.Identifier).some((name) => name.getText() === className))
    .flatMap((file) => file.getDescendantsOfKind(SyntaxKind.PropertyAccessExpression))
    .filter((access) => access.getName() === method.getName() && access.getNameNode().getSymbol() === undefined)
    .map((access) => access.getNameNode());
  return [...known, ...guessed];
}

/** Returns the declarations of a name, through imports and `require`s of the project's own files. */
export function targetsOf(name: Node): Node[] {
  const { Node: Kind } = ast();
  const symbol = name.getSymbol();
  const direct = symbol?.getDeclarations()[0];
  const required = Kind.isBindingElement(direct) ? requiredTarget(direct) : undefined;
  if (required) return [required];
  return (symbol?.getAliasedSymbol() ?? symbol)?.getDeclarations() ?? [];
}

/** `const { connect } = require('./rabbit')`: what `module.exports = { connect }` of that file names. */
function requiredTarget(element: BindingElement): Node | undefined {
  const { Node: Kind, SyntaxKind } = ast();
  const variable = element.getParent().getParent();
  const module = Kind.isVariableDeclaration(variable) ? requiredModule(variable.getInitializer()) : undefined;
  const file = module === undefined ? undefined : requiredFile(element.getSourceFile(), module);
  const name = element.getPropertyNameNode()?.getText() ?? element.getName();
  for (const assignment of file?.getDescendantsOfKind(SyntaxKind.BinaryExpression) ?? []) {
    const left = assignment.getLeft().getText();
    const right = assignment.getRight();
    if (left === `exports.${name}` || left === `module.exports.${name}`) return valueTarget(right);
    if (left !== 'module.exports' || !Kind.isObjectLiteralExpression(right)) continue;
    const property = right.getProperty(name);
    if (Kind.isShorthandPropertyAssignment(property)) return property.getValueSymbol()?.getDeclarations()[0];
    if (Kind.isPropertyAssignment(property)) return valueTarget(property.getInitializerOrThrow());
    return property;
  }
  return undefined;
}

function valueTarget(value: Node): Node | undefined {
  return ast().Node.isIdentifier(value) ? value.getSymbol()?.getDeclarations()[0] : value;
}

/** The file of the project that a `require` loads. */
function requiredFile(from: SourceFile, module: string): SourceFile | undefined {
  if (!module.startsWith('.')) return undefined;
  const path = posix.join(posix.dirname(from.getFilePath()), module);
  return ['', '.js', '.cjs', '.ts', '/index.js', '/index.ts']
    .map((ending) => from.getProject().getSourceFile(path + ending))
    .find((file) => file !== undefined);
}

/** The project's own files that a file imports or requires. */
export function filesImportedBy(file: SourceFile): Set<SourceFile> {
  const found = new Set<SourceFile>();
  for (const declaration of file.getImportDeclarations()) {
    const target = declaration.getModuleSpecifierSourceFile();
    if (target) found.add(target);
  }
  if (!/\.c?js$/.test(file.getFilePath())) return found;
  for (const call of file.getDescendantsOfKind(ast().SyntaxKind.CallExpression)) {
    const module = requiredModule(call);
    const target = module === undefined ? undefined : requiredFile(file, module);
    if (target) found.add(target);
  }
  return found;
}
