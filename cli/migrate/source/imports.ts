import type { ts } from 'ts-morph';
import { ast } from './ast.js';

/** Stands where an old `require` was, until the new one takes its place. */
export const REQUIRE_MARK = '/* require of nest-amqp */';

interface Needed {
  /** `default` and `*` for default and namespace imports. */
  readonly name: string;
  readonly local: string;
  readonly typeOnly: boolean;
}

/** The imports that one file gains and loses. */
export class ImportChanges {
  private readonly needed = new Map<string, Map<string, Needed>>();

  constructor(
    private readonly commonJs: boolean,
    /** Packages whose imports are dropped where nothing uses them any more. */
    readonly oldModules: readonly string[],
  ) {}

  get isEmpty(): boolean {
    return this.needed.size === 0;
  }

  need(module: string, name: string, local: string, typeOnly = false): void {
    const names = this.needed.get(module) ?? new Map<string, Needed>();
    const before = names.get(local);
    names.set(local, { name, local, typeOnly: typeOnly && before?.typeOnly !== false });
    this.needed.set(module, names);
  }

  /** @returns the edited text without the old imports that it no longer uses, and with the new ones */
  apply(edited: string, original: string): string {
    const { ts: compiler } = ast();
    const parse = (text: string) =>
      compiler.createSourceFile('file.ts', text, compiler.ScriptTarget.Latest, true, compiler.ScriptKind.TS);
    const after = parse(edited);
    const usedBefore = usedNames(parse(original));
    const usedAfter = usedNames(after);
    const replaced = new Set([...this.needed.values()].flatMap((names) => [...names.keys()]));
    const gone = (local: string): boolean => usedBefore.has(local) && (!usedAfter.has(local) || replaced.has(local));

    const quote = edited.split("'").length >= edited.split('"').length ? "'" : '"';
    // A file without imports is taken to have semicolons.
    const first = after.statements.find((statement) => compiler.isImportDeclaration(statement)) ?? after.statements[0];
    const end = first && !first.getText().endsWith(';') && !first.getText().endsWith('}') ? '' : ';';
    const eol = edited.includes('\r\n') ? '\r\n' : '\n';
    const missing = new Map(
      [...this.needed].map(([module, names]) => [
        module,
        [...names.values()].sort((a, b) => a.local.localeCompare(b.local, 'en')),
      ]),
    );

    const changes: { start: number; end: number; text: string }[] = [];
    let lastImport = -1;
    let freed: { start: number; end: number } | undefined;
    for (const statement of after.statements) {
      if (!compiler.isImportDeclaration(statement)) continue;
      const module = (statement.moduleSpecifier as ts.StringLiteral).text;
      lastImport = statement.getEnd();
      const old = this.oldModules.includes(module);
      const clause = statement.importClause;
      const wanted = missing.get(module) ?? [];
      if (!clause || (!old && wanted.length === 0)) continue;
      const bindings = clause.namedBindings;
      const named = bindings && compiler.isNamedImports(bindings) ? [...bindings.elements] : undefined;
      const kept = named?.filter((element) => !(old && gone(element.name.text)));
      const have = new Set(kept?.map((element) => element.name.text));
      const mergeable = named !== undefined && clause.phaseModifier === undefined;
      const added = mergeable
        ? wanted.filter((need) => need.name !== 'default' && need.name !== '*' && !have.has(need.local))
        : [];
      if (mergeable) {
        missing.set(
          module,
          wanted.filter((need) => need.name === 'default' || need.name === '*'),
        );
      }
      const namespaceGone =
        bindings !== undefined && compiler.isNamespaceImport(bindings) && old && gone(bindings.name.text);
      const defaultGone = clause.name !== undefined && old && gone(clause.name.text);
      if (added.length === 0 && kept?.length === named?.length && !namespaceGone && !defaultGone) continue;
      const parts = [...(kept ?? []).map((element) => element.getText()), ...added.map(specifier)];
      const heads = [
        ...(clause.name && !defaultGone ? [clause.name.text] : []),
        ...(bindings && compiler.isNamespaceImport(bindings) && !namespaceGone ? [bindings.getText()] : []),
        ...(parts.length > 0 ? [`{ ${parts.join(', ')} }`] : []),
      ];
      const range = { start: statement.getStart(), end: statement.getEnd() };
      if (heads.length === 0) {
        freed ??= range;
        changes.push({ ...range, end: lineEnd(edited, range.end, freed === range), text: '' });
        continue;
      }
      const type = clause.phaseModifier === compiler.SyntaxKind.TypeKeyword ? 'type ' : '';
      const text = breakLong(`import ${type}`, heads, ` from ${statement.moduleSpecifier.getText()}`, eol);
      changes.push({ ...range, text: `${text}${end}` });
    }

    const linesOf = (relative: boolean): string[] =>
      [...missing]
        .filter(([module, names]) => names.length > 0 && module.startsWith('.') === relative)
        .flatMap(([module, names]) => this.statements(module, names, quote, end, eol));
    const packages = linesOf(false);
    const freedChange = freed && changes.find((change) => change.start === freed.start);
    if (freedChange && packages.length > 0) freedChange.text = packages.splice(0).join(eol);
    else if (freedChange) freedChange.end = lineEnd(edited, freedChange.end, false);
    const lines = [...packages, ...linesOf(true)];
    if (this.commonJs && edited.includes(REQUIRE_MARK)) {
      return edited
        .replace(REQUIRE_MARK, () => lines.join(eol))
        .replace(new RegExp(`^[ \\t]*${REQUIRE_MARK.replaceAll('*', '\\*')}\\r?\\n`, 'gm'), '');
    }
    if (lines.length > 0) {
      const at = lastImport >= 0 ? lastImport : afterPrologue(edited);
      const removed = changes.find((change) => change.start < at && change.end > at);
      const text = lastImport >= 0 && !removed ? `${eol}${lines.join(eol)}` : `${lines.join(eol)}${eol}`;
      if (removed) removed.text += text;
      else changes.push({ start: at, end: at, text });
    }
    return changes
      .sort((a, b) => b.start - a.start)
      .reduce((text, change) => text.slice(0, change.start) + change.text + text.slice(change.end), edited);
  }

  private statements(module: string, names: readonly Needed[], quote: string, end: string, eol: string): string[] {
    const from = `${quote}${module}${quote}`;
    const named = names.filter(({ name }) => name !== 'default' && name !== '*');
    const others = names.filter(({ name }) => name === 'default' || name === '*');
    if (this.commonJs) {
      const parts = named.map(({ name, local }) => (name === local ? name : `${name}: ${local}`));
      return [`const { ${parts.join(', ')} } = require(${from})${end}`];
    }
    return [
      ...others.map(({ name, local }) => `import ${name === '*' ? '* as ' : ''}${local} from ${from}${end}`),
      ...(named.length > 0
        ? [`${breakLong('import ', [`{ ${named.map(specifier).join(', ')} }`], ` from ${from}`, eol)}${end}`]
        : []),
    ];
  }
}

const LONG = 100;

function breakLong(before: string, heads: readonly string[], after: string, eol: string): string {
  const line = `${before}${heads.join(', ')}${after}`;
  if (line.length <= LONG) return line;
  return line.replace(/\{ (.*) \}/, (_, names: string) => {
    const each = names.split(', ').map((name) => `  ${name},${eol}`);
    return `{${eol}${each.join('')}}`;
  });
}

function specifier({ name, local, typeOnly }: Needed): string {
  return `${typeOnly ? 'type ' : ''}${name === local ? name : `${name} as ${local}`}`;
}

/** The end of the line, its break included, unless something else stands on it. */
function lineEnd(text: string, from: number, keepBreak: boolean): number {
  if (keepBreak) return from;
  const rest = /^[ \t]*(\r?\n)?/.exec(text.slice(from));
  return from + (rest?.[0].length ?? 0);
}

/** Behind a `#!`, leading comments and `'use strict'`. */
function afterPrologue(text: string): number {
  const found = /^(?:#!.*\r?\n)?(?:\s*(?:\/\*[\s\S]*?\*\/|\/\/.*)\s*\n)*(?:\s*['"]use strict['"];?\s*\n)?/.exec(text);
  return found?.[0].length ?? 0;
}

/** Names that stand for something of the file's scope, outside of imports. */
function usedNames(file: ts.SourceFile): Set<string> {
  const { ts: compiler } = ast();
  const used = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (compiler.isImportDeclaration(node)) return;
    if (compiler.isIdentifier(node) && !isMemberName(node)) used.add(node.text);
    compiler.forEachChild(node, visit);
  };
  visit(file);
  return used;
}

function isMemberName(node: ts.Identifier): boolean {
  const { ts: compiler } = ast();
  const { parent } = node;
  if (compiler.isPropertyAccessExpression(parent) || compiler.isPropertyAssignment(parent)) return parent.name === node;
  if (compiler.isQualifiedName(parent)) return parent.right === node;
  return (
    (compiler.isMethodDeclaration(parent) ||
      compiler.isPropertyDeclaration(parent) ||
      compiler.isPropertySignature(parent) ||
      compiler.isMethodSignature(parent) ||
      compiler.isEnumMember(parent)) &&
    parent.name === node
  );
}
