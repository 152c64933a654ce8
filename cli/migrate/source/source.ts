import { dirname, relative } from 'node:path/posix';
import type { Node, SourceFile } from 'ts-morph';
import { ast } from './ast.js';
import { Edits } from './edits.js';
import { ImportChanges } from './imports.js';

/** Decorators that have a namesake in `@nestjs/microservices` which does the same. */
const SAME_AS_NEST = new Set(['Payload', 'Ctx']);

/** `AmqpConnection` for `Connection`, `amqpConnect` for `connect`. */
function alias(name: string): string {
  const isFunction = /^[a-z]/.test(name);
  return isFunction ? `amqp${name.charAt(0).toUpperCase()}${name.slice(1)}` : `Amqp${name}`;
}

/** A file of the project, with its planned changes. */
export class Source {
  readonly original: string;
  readonly edits: Edits;
  readonly imports: ImportChanges;
  private names: Set<string> | undefined;

  constructor(
    readonly file: SourceFile,
    oldModules: readonly string[],
  ) {
    this.original = file.getFullText();
    this.edits = new Edits(this.original);
    this.imports = new ImportChanges(this.isCommonJs, oldModules);
  }

  get path(): string {
    return this.file.getFilePath();
  }

  /** JavaScript that loads by `require`. */
  get isCommonJs(): boolean {
    return /\.(c?js)$/.test(this.file.getFilePath()) && this.file.getImportDeclarations().length === 0;
  }

  /** The quote that the file uses. */
  get quote(): string {
    const singles = this.original.split("'").length;
    return singles >= this.original.split('"').length ? "'" : '"';
  }

  /** The text of a node with the edits inside it. */
  print(node: Node): string {
    return this.edits.print(node.getStart(), node.getEnd());
  }

  /** The whole file with its edits, and its imports put in order. */
  result(): string {
    if (this.edits.isEmpty && this.imports.isEmpty) return this.original;
    return this.imports.apply(this.edits.print(), this.original);
  }

  /**
   * The name by which the file will know an export of `module`: its own, unless the file uses that for something else.
   */
  localName(module: string, name: string): string {
    const { ImportSpecifier } = this.importsByLocalName();
    const taken = ImportSpecifier.get(name);
    if (taken === module || (taken === '@nestjs/microservices' && SAME_AS_NEST.has(name))) return name;
    if (taken !== undefined) return this.imports.oldModules.includes(taken) ? name : alias(name);
    return this.declaredNames().has(name) ? alias(name) : name;
  }

  /** Returns whether the file imports the name from Nest's package already, so that it needs no other import. */
  hasNestNamesake(name: string): boolean {
    return SAME_AS_NEST.has(name) && this.importsByLocalName().ImportSpecifier.get(name) === '@nestjs/microservices';
  }

  /** Returns the specifier with which this file imports another one. */
  specifierOf(other: SourceFile, like: SourceFile): string {
    const path = relative(dirname(this.path), other.getFilePath()).replace(/\.[cm]?[jt]sx?$/, '');
    const named = path.startsWith('.') ? path : `./${path}`;
    const withExtension = [this.file, like].some((file) =>
      file.getImportDeclarations().some((found) => /^\.{1,2}\/.*\.js$/.test(found.getModuleSpecifierValue())),
    );
    if (withExtension) return `${named}.js`;
    return named.replace(/\/index$/, '') || '.';
  }

  private importsByLocalName() {
    const ImportSpecifier = new Map<string, string>();
    for (const declaration of this.file.getImportDeclarations()) {
      const module = declaration.getModuleSpecifierValue();
      for (const named of declaration.getNamedImports()) {
        ImportSpecifier.set(named.getAliasNode()?.getText() ?? named.getName(), module);
      }
    }
    return { ImportSpecifier };
  }

  private declaredNames(): Set<string> {
    if (this.names) return this.names;
    const { Node: Kind } = ast();
    const names = new Set<string>();
    this.file.forEachDescendant((node) => {
      if (!Kind.isIdentifier(node)) return;
      const parent = node.getParent();
      const isMember =
        (Kind.isPropertyAccessExpression(parent) && parent.getNameNode() === node) ||
        (Kind.isPropertyAssignment(parent) && parent.getNameNode() === node) ||
        (Kind.isQualifiedName(parent) && parent.getRight() === node) ||
        (Kind.isPropertyDeclaration(parent) && parent.getNameNode() === node) ||
        Kind.isMethodDeclaration(parent) ||
        Kind.isPropertySignature(parent);
      if (!isMember) names.add(node.getText());
    });
    this.names = names;
    return names;
  }
}
