import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadAstLibrary } from './ast-library.js';
import { unifiedDiff } from './diff.js';
import { kinds, type Kind } from './kinds.js';
import { planMigration, type Migration } from './migration.js';
import { useAstLibrary } from './source/ast.js';
import type { Remark } from './source/report.js';
import { UsageError } from '../usage-error.js';

export const USAGE = `usage: nest-amqp migrate golevelup|transport-rmq|amqplib FOLDER... [--dry-run] [--fetch]

Rewrites an application's sources for nest-amqp, tells what it did, and what is left to you with file and line. What it
does not understand it leaves as it is. Commit before you run it.

  FOLDER     an application: the folder with its package.json. Several are taken one after the other
  --dry-run  print the changes as a diff, and write nothing
  --fetch    fetch ts-morph by npm where it is not installed, without asking
  --help     this text
`;

interface Arguments {
  readonly kind: Kind;
  readonly folders: readonly string[];
  readonly dryRun: boolean;
  readonly fetch: boolean;
}

/** `npx nest-amqp migrate …`. @throws UsageError, AstLibraryError, and the file system's errors */
export async function migrate(args: readonly string[], print: (text: string) => void = printOut): Promise<void> {
  const given = parse(args);
  if (given === 'help') return print(USAGE);
  useAstLibrary(await loadAstLibrary(given.fetch));
  for (const folder of given.folders) {
    if (given.folders.length > 1) print(`\n# ${folder}\n`);
    migrateFolder(folder, given, print);
  }
}

function migrateFolder(folder: string, { kind, dryRun }: Arguments, print: (text: string) => void): void {
  const migration = planMigration(kind, folder, ownVersion());
  if (dryRun) for (const { path, before, after } of migration.files) print(unifiedDiff(path, before, after));
  else for (const { path, after } of migration.files) writeFileSync(join(folder, path), after);
  print(summary(migration, kind, dryRun));
}

function printOut(text: string): void {
  process.stdout.write(text);
}

function parse(args: readonly string[]): Arguments | 'help' {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        'dry-run': { type: 'boolean' },
        fetch: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, USAGE);
  }
  const { values, positionals } = parsed;
  if (values.help) return 'help';
  const [name, ...folders] = positionals;
  if (name === undefined) throw new UsageError('from what?', USAGE);
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (!kind) throw new UsageError(`'${name}' is none of ${Object.keys(kinds).join(', ')}`, USAGE);
  if (folders.length === 0) throw new UsageError('no folder', USAGE);
  for (const folder of folders) {
    if (!existsSync(folder) || !statSync(folder).isDirectory())
      throw new UsageError(`there is no folder '${folder}'`, USAGE);
  }
  return { kind, folders, dryRun: values['dry-run'] === true, fetch: values.fetch === true };
}

/** Describes the changes, the differences in behaviour, the work that is left, and the next steps. */
export function summary({ files, report }: Migration, kind: Kind, dryRun: boolean): string {
  const did =
    files.length === 0 ? 'Nothing to change.\n' : `${dryRun ? 'Would change' : 'Changed'} ${files.length} files:\n`;
  const list = files.map(({ path }) => `  ${path}\n`).join('');
  const next = [
    ...(files.some(({ path }) => path === 'package.json') ? ['npm install'] : []),
    'your formatter, the build and the tests',
    `"What changes for your messages" in ${kind.guide}`,
  ];
  const steps = files.length === 0 || dryRun ? '' : `\nNext:\n${next.map((step) => `  ${step}\n`).join('')}`;
  return (
    did +
    list +
    section('Done', report.done) +
    section('Behaves differently now', report.different) +
    section('Left to you', report.left) +
    steps
  );
}

function section(title: string, remarks: readonly Remark[]): string {
  if (remarks.length === 0) return '';
  const lines = remarks.map(({ file, line, text }) => `  ${file}:${line}  ${text}\n`);
  return `\n${title}:\n${[...new Set(lines)].join('')}`;
}

/** Returns the version of nest-amqp from the package.json above this file. */
function ownVersion(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (!existsSync(path)) continue;
    const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string };
    if (name === 'nest-amqp' && version !== undefined) return version;
  }
  throw new Error('the package.json of nest-amqp is missing');
}
