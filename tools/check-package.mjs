/**
 * Proves that the package works when published: packs it, checks the tarball with publint and arethetypeswrong, installs it in
 * an empty folder next to Nest 12, imports and requires every entry point, and runs the programs of `test/package` there:
 * publish, consume, request and reply, the page of the board, and the document of an application. Needs a broker at AMQP_URL.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'rolldown';
import { checkTypes, installCompilers } from './check-types.mjs';
import { entries, specifierOf } from './entries.mjs';

if (!process.env.AMQP_URL) throw new Error('AMQP_URL is not set: run it through with-broker (npm run test:package)');

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
/** The entry points that need optional peers, with these peers. */
const optional = {
  microservices: ['@nestjs/microservices@12'],
  opentelemetry: ['@opentelemetry/api@1.9', '@opentelemetry/instrumentation@0.223'],
};
const folder = mkdtempSync(join(tmpdir(), 'nest-amqp-package-'));
let passed = 0;
const run = (command, args, options = {}) =>
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
const ok = (what) => {
  passed++;
  console.log(`ok: ${what}`);
};
const npm = (cwd, ...packages) => run('npm', ['install', '--no-fund', '--no-audit', ...packages], { cwd });
const install = (...packages) => npm(folder, ...packages);

/** Runs a program of `test/package` beside the installed package. */
function runProgram(name, what, ...flags) {
  copyFileSync(join('test/package', `${name}.mjs`), join(folder, `${name}.mjs`));
  run('node', [...flags, `${name}.mjs`], { cwd: folder, timeout: 60_000 });
  ok(what);
}

/** Runs a program of `test/package` bundled and minified. */
async function runBundled(name, format, what) {
  copyFileSync(join('test/package', `${name}.mjs`), join(folder, `${name}.mjs`));
  const bundle = `${name}.bundled.${format === 'esm' ? 'mjs' : 'cjs'}`;
  await build({
    input: join(folder, `${name}.mjs`),
    platform: 'node',
    output: { file: join(folder, bundle), format, minify: true },
  });
  run('node', [bundle], { cwd: folder, timeout: 60_000 });
  ok(what);
}

function loads(entry) {
  const name = specifierOf(entry);
  const check = (module) => `if (!Object.keys(${module}).length) throw new Error('empty')`;
  const esm = `import 'reflect-metadata'; ${check(`await import('${name}')`)}`;
  const commonJs = `require('reflect-metadata'); ${check(`require('${name}')`)}`;
  run('node', ['--input-type=module', '-e', esm], { cwd: folder });
  run('node', ['--input-type=commonjs', '-e', commonJs], { cwd: folder });
  ok(`import and require of ${name}`);
}

/** Runs a linter of packages, which prints its findings to its standard output. */
function judge(command, args) {
  try {
    run(join('node_modules/.bin', command), args);
  } catch (error) {
    throw new Error(`${command} found problems:\n${error.stdout}`, { cause: error });
  }
  ok(command);
}

/** Returns the JSON that follows the output of the build in `prepack`. */
function jsonOf(output) {
  return output.slice(output.search(/^\[$/m));
}

try {
  const tarball = join(
    folder,
    JSON.parse(jsonOf(run('npm', ['pack', '--json', '--pack-destination', folder]).toString()))[0].filename,
  );
  judge('publint', ['run', tarball, '--strict']);
  judge('attw', [tarball, '--format', 'ascii']);
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  install(tarball, '@nestjs/common@12', '@nestjs/core@12', 'reflect-metadata', 'rxjs', '@types/node@20');
  // Entry points that need an optional peer come last, so that the others are tested without it.
  for (const entry of Object.keys(entries)) if (!(entry in optional)) loads(entry);
  const compilers = installCompilers(join(folder, 'compilers'), npm);
  for (const program of ['main', 'contracts']) checkTypes({ compilers, folder, nest: 12, program }).forEach(ok);
  for (const [entry, peers] of Object.entries(optional)) {
    install(...peers);
    loads(entry);
  }
  checkTypes({ compilers, folder, nest: 12, program: 'transport' }).forEach(ok);
  for (const name of Object.keys(manifest.bin)) {
    const usage = run(join(folder, 'node_modules/.bin', name), ['--help'], { cwd: folder }).toString();
    if (!usage.startsWith('usage:')) throw new Error(`${name} --help printed: ${usage}`);
    const version = run(join(folder, 'node_modules/.bin', name), ['--version'], { cwd: folder }).toString();
    if (version !== `${manifest.version}\n`) throw new Error(`${name} --version printed: ${version}`);
    ok(`the command ${name}`);
  }
  runProgram('embedded', 'a message through the embedded broker');
  runProgram('consume', 'a message published with a confirm and consumed');
  runProgram('stacks', 'the stack of an error names files of the package', '--enable-source-maps');
  runProgram('one-copy', 'one package for import and require of one process');
  runProgram('transport', 'a request answered by the microservice transport, without amqplib');
  install('@nestjs/testing@12');
  runProgram('testing', 'a message parked after an hour of virtual time, in a test of @nestjs/testing');
  install('@nestjs/platform-express@12');
  runProgram('board', 'the page of the board');
  runProgram('asyncapi', 'the document of an application');
  await runBundled('minified', 'esm', 'errors keep their names in a minified bundle');
  runProgram('traced', 'spans of a message, by the instrumentation');
  for (const format of ['esm', 'cjs']) await runBundled('traced', format, `spans of a message in a bundle (${format})`);

  const eleven = join(folder, 'eleven');
  mkdirSync(eleven);
  writeFileSync(join(eleven, 'package.json'), '{ "private": true }');
  const peers = ['common', 'core', 'microservices'].map((name) => `@nestjs/${name}@11`);
  npm(eleven, tarball, ...peers, 'reflect-metadata', 'rxjs', '@types/node@20');
  for (const program of ['main', 'contracts', 'transport'])
    checkTypes({ compilers, folder: eleven, nest: 11, program }).forEach(ok);
  console.log(`${passed} passed, 0 failed`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
