import { existsSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import type { Kind } from './kinds.js';
import { migratedManifest, oldNest } from './manifest.js';
import { Report, type Remark } from './source/report.js';
import { Workspace } from './source/workspace.js';

/** A file whose text changes. */
export interface ChangedFile {
  /** Relative to the folder. */
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/** The result of a run. No file is written yet. */
export interface Migration {
  readonly files: readonly ChangedFile[];
  /** Paths in it are relative to the folder. */
  readonly report: Report;
}

/** Packages that Nest loads, so that the project does not import them. */
const LOADED_BY_NEST = new Set(['amqplib', 'amqp-connection-manager']);

/** Reads a project and computes its new sources. @param version of nest-amqp */
export function planMigration(kind: Kind, folder: string, version: string): Migration {
  const workspace = Workspace.read(folder, kind.modules);
  kind.migrate(workspace);
  const changed = workspace.changed();
  const texts = new Map(workspace.all.map(({ path, original }) => [path, original]));
  for (const { path, after } of changed) texts.set(path, after);
  const report = relativeTo(folder, workspace.report);
  reportMentions(kind, folder, texts, report);

  const files = changed.map(({ path, before, after }) => ({ path: pathIn(folder, path), before, after }));
  const path = join(folder, 'package.json');
  if (!existsSync(path) || files.length === 0) return { files, report };
  const before = readFileSync(path, 'utf8');
  if (kind.needsNest) report.left.push(...oldNest(before).map((remark) => ({ file: 'package.json', ...remark })));
  const rmqIsLeft = [...texts.values()].some((text) => /\bTransport\.RMQ\b/.test(text));
  const golevelupIsLeft = mentioned(texts, '@golevelup/nestjs-rabbitmq');
  const unused = kind.packages.filter((name) => {
    if (mentioned(texts, name)) return false;
    if (name === '@types/amqplib') return !mentioned(texts, 'amqplib');
    return !(LOADED_BY_NEST.has(name) && (rmqIsLeft || (golevelupIsLeft && name === 'amqplib')));
  });
  const after = migratedManifest(before, version, unused);
  return { files: after === before ? files : [...files, { path: 'package.json', before, after }], report };
}

const quoted = (name: string): RegExp => new RegExp(`['"\`]${name.replaceAll('/', '\\/')}(/[\\w./-]*)?['"\`]`);

function mentioned(texts: ReadonlyMap<string, string>, name: string): boolean {
  return [...texts.values()].some((text) => quoted(name).test(text));
}

/** Reports the mentions of an old package in files that the report does not name yet. */
function reportMentions(kind: Kind, folder: string, texts: ReadonlyMap<string, string>, report: Report): void {
  const told = new Set(report.left.map(({ file }) => file));
  for (const [path, text] of texts) {
    const file = pathIn(folder, path);
    if (told.has(file)) continue;
    for (const name of kind.packages) {
      const found = quoted(name).exec(text);
      if (!found) continue;
      const line = text.slice(0, found.index).split('\n').length;
      report.left.push({ file, line, text: `${name} is still used here` });
    }
  }
}

function pathIn(folder: string, path: string): string {
  return relative(resolve(folder), path).split(sep).join('/');
}

function relativeTo(folder: string, report: Report): Report {
  const inFolder = new Report();
  const each = (remarks: readonly Remark[]): Remark[] =>
    remarks.map((remark) => ({ ...remark, file: pathIn(folder, remark.file) }));
  inFolder.done.push(...each(report.done));
  inFolder.different.push(...each(report.different));
  inFolder.left.push(...each(report.left));
  return inFolder;
}
