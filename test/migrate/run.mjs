/**
 * Moves every project of test/migrate/projects by the codemod, as users do. Checks that each builds and passes its tests before
 * and after, and that a second run changes nothing. Checks first that the guides name every option of the former packages:
 *
 *     npm run test:migrate              all projects
 *     npm run test:migrate -- golevelup projects whose path contains this
 *
 * A project may have `left.txt`, the lines that the codemod leaves to a person, and `by-hand/`, the files that a person has
 * changed accordingly. Without `left.txt` the codemod must leave nothing.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { missingInGuides } from './options-in-guides.mjs';

const root = resolve(import.meta.dirname, '../..');
const projects = join(root, 'test/migrate/projects');
const modules = join(root, 'test/migrate/node_modules');
const work = join(root, '.build/migrate');
/** Jest runs ES modules through vm modules. */
const VM_MODULES = '--experimental-vm-modules --disable-warning=ExperimentalWarning';
const chosen = process.argv.slice(2);
/** Entries of a project's folder that are not its files. */
const FOR_THE_TEST = new Set(['left.txt', 'by-hand']);
const failures = [];

const all = readdirSync(projects)
  .flatMap((kind) => readdirSync(join(projects, kind)).map((name) => ({ kind, name, path: `${kind}/${name}` })))
  .filter(({ path }) => chosen.length === 0 || chosen.some((part) => path.includes(part)));

function check(holds, what) {
  if (!holds) {
    failures.push(what);
    console.error(`FAILED: ${what}`);
  }
}

function prepare() {
  // The package as it is installed, beside the projects' own Nest.
  rmSync(join(modules, 'nest-amqp'), { recursive: true, force: true });
  for (const part of ['dist', 'package.json']) {
    cpSync(join(root, part), join(modules, 'nest-amqp', part), { recursive: true });
  }
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  symlinkSync(modules, join(work, 'node_modules'), 'dir');
  for (const { path } of all) {
    const filter = (file) => !FOR_THE_TEST.has(basename(file));
    for (const stage of ['before', 'after']) {
      cpSync(join(projects, path), join(work, stage, path), { recursive: true, filter });
    }
  }
}

function builds(stage) {
  for (const { path } of all) {
    const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', join(work, stage, path)], {
      encoding: 'utf8',
    });
    check(status === 0, `${path} builds ${stage}:\n${stdout}`);
  }
}

function passes(stage) {
  const { status } = spawnSync(
    join(root, 'node_modules/.bin/jest'),
    ['--config', join(root, 'test/migrate/jest.config.js'), '--silent', '--workerIdleMemoryLimit=600MB'],
    { cwd: root, stdio: 'inherit', env: { ...process.env, NODE_OPTIONS: VM_MODULES, MIGRATE_STAGE: stage } },
  );
  check(status === 0, `tests ${stage}`);
}

/** Runs the codemod over all projects of a kind. @returns its output for each project, by path */
function codemod(kind, ...options) {
  const ours = all.filter((project) => project.kind === kind);
  const folders = ours.map(({ path }) => join(work, 'after', path));
  const said = execFileSync(process.execPath, [join(root, 'dist/cli.mjs'), 'migrate', kind, ...folders, ...options], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const parts = ours.length > 1 ? said.split(/^# .*\n/m).slice(1) : [said];
  return new Map(ours.map(({ path }, at) => [path, parts[at] ?? '']));
}

/** Returns the lines under a title of the codemod's output. */
function sectionOf(said, title) {
  const found = new RegExp(`^${title}:\\n((?:  .*\\n)*)`, 'm').exec(said);
  return (found?.[1] ?? '').replaceAll(/^ {2}/gm, '');
}

function migrateAll() {
  for (const kind of new Set(all.map((project) => project.kind))) {
    const dry = codemod(kind, '--dry-run');
    const untouched = new Map(
      [...dry.keys()].map((path) => [path, same(join(work, 'after', path), join(projects, path))]),
    );
    const said = codemod(kind);
    const again = codemod(kind);
    for (const path of said.keys()) {
      const folder = join(work, 'after', path);
      check(dry.get(path).includes('--- a/'), `${path}: --dry-run prints a diff`);
      check(untouched.get(path), `${path}: --dry-run writes nothing`);
      const expected = join(projects, path, 'left.txt');
      const left = sectionOf(said.get(path), 'Left to you');
      const wanted = existsSync(expected) ? readFileSync(expected, 'utf8') : '';
      check(left === wanted, `${path}: what is left is\n${left}and not\n${wanted}`);
      check(again.get(path).trimStart().startsWith('Nothing to change'), `${path}: a second run changes nothing`);
      const byHand = join(projects, path, 'by-hand');
      if (existsSync(byHand)) cpSync(byHand, folder, { recursive: true });
    }
  }
}

function same(one, other) {
  return readdirSync(other, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(other, join(entry.parentPath, entry.name)))
    .filter((file) => !file.split('/').some((part) => FOR_THE_TEST.has(part)))
    .every((file) => readFileSync(join(other, file), 'utf8') === readFileSync(join(one, file), 'utf8'));
}

for (const option of missingInGuides()) check(false, option);
prepare();
builds('before');
passes('before');
migrateAll();
builds('after');
passes('after');
// The folder of a failed project stays for inspection.
if (failures.length === 0) rmSync(work, { recursive: true });
console.log(failures.length === 0 ? `${all.length} projects moved` : `${failures.length} failures`);
process.exitCode = failures.length === 0 ? 0 : 1;
