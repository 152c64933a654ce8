import { posix } from 'node:path';
import { readText, type Context, type Tree } from './tree.js';

/** A name to import into a module, with its list in `@Module({ … })`. */
export interface ModuleEntry {
  readonly list: 'imports' | 'providers' | 'controllers';
  /** The element of the list: a name, or a call. */
  readonly element: string;
  readonly imports: readonly { readonly names: readonly string[]; readonly from: string }[];
}

/** Returns the module of a folder or, if the folder has none, of the nearest folder above. */
export function findModule(tree: Tree, folder: string): string | undefined {
  for (let at: string | undefined = folder; at !== undefined; at = tree.getDir(at).parent?.path) {
    const modules = tree
      .getDir(at)
      .subfiles.filter((file) => file.endsWith('.module.ts') && !file.includes('-routing'));
    const [only] = modules;
    if (only !== undefined && modules.length === 1) return posix.join(at, only);
    if (modules.includes('app.module.ts')) return posix.join(at, 'app.module.ts');
    if (at === '/') return undefined;
  }
  return undefined;
}

/**
 * Returns whether a file declares or imports a class of this name: another import of the name would not compile (TS2440,
 * TS2300).
 */
export function hasClass(tree: Tree, path: string, name: string): boolean {
  const text = readText(tree, path) ?? '';
  const word = new RegExp(`\\b${name}\\b`);
  const imported = [...text.matchAll(/^import\b[^;]*?\bfrom\b/gm)].some(([names]) => word.test(names));
  return imported || new RegExp(`\\bclass\\s+${name}\\b`).test(text);
}

/** Adds an entry to the `@Module({ … })` of a file. Leaves a file of another form as it is, and logs that. */
export function addToModule(tree: Tree, context: Context, path: string, entry: ModuleEntry): void {
  const text = readText(tree, path);
  const added = text === undefined ? undefined : withEntry(text, entry);
  if (added === undefined) {
    context.logger.warn(`${path}: add ${entry.element} to \`${entry.list}\` yourself`);
    return;
  }
  tree.overwrite(path, withImports(added, entry.imports));
}

function withEntry(text: string, { list, element }: ModuleEntry): string | undefined {
  const modules = [...text.matchAll(/@Module\(\{/g)];
  const [module] = modules;
  if (!module || modules.length > 1) return undefined;
  const start = module.index + module[0].length;
  const end = text.indexOf('})', start);
  if (end < 0) return undefined;
  const found = new RegExp(`\\b${list}:\\s*\\[(?<inside>\\s*)(?<close>\\])?`).exec(text.slice(start));
  if (!found) {
    const rest = text.slice(start);
    const body = rest.startsWith('}') ? '\n' : '';
    return `${text.slice(0, start)}\n  ${list}: [${element}],${body}${rest}`;
  }
  const at = start + found.index + found[0].length;
  if (found.groups?.['close'] !== undefined) return `${text.slice(0, at - 1)}${element}${text.slice(at - 1)}`;
  const inside = found.groups?.['inside'] ?? '';
  return `${text.slice(0, at)}${element},${inside === '' ? ' ' : inside}${text.slice(at)}`;
}

function withImports(text: string, imports: ModuleEntry['imports']): string {
  const lines = imports.map(({ names, from }) => `import { ${names.join(', ')} } from '${from}';\n`);
  const last = [...text.matchAll(/^import\b[^;]*;[^\S\n]*\n/gm)].at(-1);
  const at = last ? last.index + last[0].length : 0;
  return text.slice(0, at) + lines.join('') + text.slice(at);
}

/** Returns the path by which one file of the tree imports another. */
export function importPath(from: string, to: string, withExtension: boolean): string {
  const path = posix.relative(posix.dirname(from), to).replace(/\.ts$/, withExtension ? '.js' : '');
  return path.startsWith('.') ? path : `./${path}`;
}

/** Returns whether the project's imports name files with their extension, as ES modules do. */
export function usesExtensions(tree: Tree): boolean {
  const manifest = readText(tree, '/package.json');
  return manifest !== undefined && (JSON.parse(manifest) as { type?: string }).type === 'module';
}
