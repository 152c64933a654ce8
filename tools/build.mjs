/**
 * `npm run build`: compiles with tsc, bundles, and makes the declarations. It does nothing when `dist` and `.build` hold the
 * build of just these files, so that each script that needs a build can begin with one.
 *
 *   --unreviewed   for tests of work in progress: the public face may differ from the reports in api/
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the build reads, with the versions of the packages that are installed. */
const INPUTS = [
  'lib',
  'src',
  'cli',
  'tools',
  'api',
  'tsconfig.json',
  'tsconfig.build.json',
  'package.json',
  'node_modules/.package-lock.json',
];
const OUTPUTS = ['dist', '.build/package', '.build/types', '.build/rolled-up'];
const SEAL = '.build/build-seal';
/** The declarations agree with the reports in api/; tools/roll-up-types.mjs writes it. */
const REVIEWED = '.build/rolled-up/seal';

/** Hashes the names and bytes of all files of these folders. */
function digest(paths) {
  const hash = createHash('sha256').update(process.version);
  for (const path of paths.flatMap(filesOf)) hash.update(`\n${path}\n`).update(readFileSync(path));
  return hash.digest('hex');
}

function filesOf(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function run(...command) {
  try {
    execFileSync(process.execPath, command, { stdio: 'inherit' });
  } catch (error) {
    process.exit(error.status || 1);
  }
}

// Read before the build: a file that changes while the build runs makes the next build run again.
const inputs = digest(INPUTS);
const seal = () => `${inputs} ${digest(OUTPUTS)}`;
if (existsSync(SEAL) && readFileSync(SEAL, 'utf8') === seal()) {
  console.log('The build is up to date.');
} else {
  rmSync(SEAL, { force: true });
  run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json');
  run('tools/bundle.mjs');
  run('tools/roll-up-types.mjs', ...process.argv.slice(2));
  mkdirSync('.build', { recursive: true });
  if (existsSync(REVIEWED)) writeFileSync(SEAL, seal());
}
