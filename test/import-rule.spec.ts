import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const CONFIGURATION = [
  'oxlint.config.mjs',
  'tools/floors.mjs',
  'tools/no-current-date.mjs',
  'tools/real-world.mjs',
  'tsconfig.json',
  'package.json',
];
/** The rules of this spec; a probe may break other rules. */
const FORBIDDING = new Set([
  'no-restricted-imports',
  'no-restricted-globals',
  'no-restricted-properties',
  'no-current-date',
]);

/** A file of the planted tree, with the rule that must refuse it; without a rule it must pass. */
interface Probe {
  readonly path: string;
  readonly code: string;
  readonly rule:
    | 'no-restricted-imports'
    | 'no-restricted-globals'
    | 'no-restricted-properties'
    | 'no-current-date'
    | 'no-cycle'
    | 'no-floating-promises'
    | 'no-misused-promises'
    | undefined;
}

/** The floors of `src` from top to bottom, as in docs/architecture.md. */
const SRC = [
  'module',
  'health',
  'consumers',
  'settlement',
  'registry',
  'publishers',
  'rpc',
  'connection',
  'topology',
  'common',
];
const CLIENT = ['connection', 'recovery', 'channel', 'consuming', 'publishing', 'link', 'timing'];

const probes: Probe[] = [
  ...upward('src', SRC),
  ...upward('src', ['microservices', ...SRC]),
  ...upward('src', ['testing', ...SRC]),
  ...upward('src', ['connection', 'serialization', 'common']),
  ...upward('lib/client', CLIENT),
  // Imports between neighbours on one floor.
  refused('src/testing', '../microservices/index.js'),
  refused('src/microservices', '../testing/index.js'),
  refused('src/topology', '../serialization/json.serializer.js'),
  // Imports from a folder inside a floor.
  refused('src/settlement/retry', '../../consumers/consumer.errors.js'),
  refused('src/consumers/sinks/batch', '../../../module/amqp.module.js'),
  // Imports between the parts.
  refused('lib/client', '../../src/index.js'),
  refused('lib/broker', '../../src/index.js'),
  refused('lib/environment', '../../src/index.js'),
  refused('lib/protocol', '../../src/index.js'),
  refused('lib/protocol', '../client/index.js'),
  refused('lib/protocol', '../broker/index.js'),
  refused('lib/protocol', '../environment/index.js'),
  refused('lib/protocol', 'node:net'),
  refused('lib/environment', '../client/index.js'),
  refused('lib/environment', '../protocol/spec.js'),
  refused('lib/shown', '../client/index.js'),
  refused('lib/shown', '../../src/index.js'),
  refused('lib/protocol', '../shown/index.js'),
  refused('lib/client', '../broker/index.js'),
  refused('lib/client/link', '../../broker/index.js'),
  refused('lib/broker', '../client/index.js'),
  refused('lib/broker/queue', '../../client/index.js'),
  refused('lib/client', '@nestjs/common'),
  refused('lib/client/link', 'rxjs'),
  refused('lib/client', 'nest-amqp'),
  refused('src/module', '../../lib/protocol/spec.js'),
  refused('src/module', '../../lib/broker/index.js'),
  refused('src/consumers/sinks', '../../../lib/broker/index.js'),
  refused('src/consumers', '@nestjs/microservices'),
  refused('src/consumers', '@nestjs/testing'),
  refused('cli/migrate', '../../src/index.js'),
  refused('cli/asyncapi', '../../src/asyncapi/index.js'),
  refused('cli/asyncapi', '../../src/contracts/event-contract.js'),
  refused('cli/broker', '../../lib/client/index.js'),
  // Imports past another part's index.ts.
  refused('cli/broker', '../../lib/broker/server.js'),
  refused('src/rpc', '../../lib/client/thenable.js'),
  refused('src/consumers/sinks', '../../../lib/client/link/uri.js'),
  refused('src/rpc', '../../lib/environment/clock.js'),
  refused('src/testing', '../../lib/broker/server.js'),
  refused('lib/client/link', '../../environment/clock.js'),
  refused('lib/client/link', '../../shown/show-as.js'),
  refused('lib/broker/queue', '../../environment/clock.js'),
  // Allowed imports.
  allowed('cli/broker', '../../lib/broker/index.js'),
  allowed('cli/asyncapi', '../../src/asyncapi/command-line.js'),
  allowed('lib/client', '../protocol/spec.js'),
  allowed('lib/client/link', '../../environment/index.js'),
  allowed('lib/broker', '../shown/index.js'),
  allowed('lib/client/link', '../../shown/index.js'),
  allowed('src/settlement', '../../lib/shown/index.js'),
  allowed('lib/broker/queue', '../../protocol/spec.js'),
  allowed('src/module', '../../lib/client/index.js'),
  allowed('src/consumers/sinks', '../../../lib/environment/index.js'),
  allowed('src/testing', '../../lib/broker/index.js'),
  allowed('src/microservices/server', '@nestjs/microservices'),
  allowed('src/settlement/retry', '../../registry/named-connection.js'),
  // Circles, also of types.
  {
    path: 'src/common/one.ts',
    code: "import type { Two } from './two.js';\nexport interface One { two: Two }\n",
    rule: 'no-cycle',
  },
  {
    path: 'src/common/two.ts',
    code: "import type { One } from './one.js';\nexport interface Two { one: One }\n",
    rule: 'no-cycle',
  },
  {
    path: 'lib/client/link/one.ts',
    code: "import { two } from './two.js';\nexport const one = (): unknown => two;\n",
    rule: 'no-cycle',
  },
  {
    path: 'lib/client/link/two.ts',
    code: "import { one } from './one.js';\nexport const two = (): unknown => one;\n",
    rule: 'no-cycle',
  },
  // Uses of the machine's time and random source.
  ...['src/common', 'src/testing', 'lib/client/link', 'lib/broker/queue', 'lib/protocol'].flatMap((folder) => [
    ...[
      'setTimeout(run, 1)',
      'setInterval(run, 1)',
      'setImmediate(run)',
      'performance.now()',
      'crypto.randomUUID()',
    ].map((code) => real(folder, code, 'no-restricted-globals')),
    ...[
      'globalThis.setTimeout(run, 1)',
      'global.setImmediate(run)',
      'Date.now()',
      'Math.random()',
      'process.hrtime()',
      'AbortSignal.timeout(1)',
    ].map((code) => real(folder, code, 'no-restricted-properties')),
    ...['new Date()', 'Date()'].map((code) => real(folder, code, 'no-current-date')),
    real(folder, 'new Date(0)', undefined),
    ...['timers', 'node:timers', 'timers/promises', 'node:timers/promises', 'node:perf_hooks'].map((module) =>
      refused(folder, module),
    ),
    ...['randomUUID', 'randomBytes', 'randomFillSync', 'randomInt', 'default'].map((name) => drawn(folder, name)),
  ]),
  real('lib/environment', 'setTimeout(run, 1)', undefined),
  real('lib/environment', 'Date.now()', undefined),
  { ...drawn('lib/environment', 'randomBytes'), rule: undefined },
  { ...drawn('src/common', 'createHash'), rule: undefined },
  { ...real('src/common', 'setTimeout(run, 1)', undefined), path: 'src/common/real.spec.ts' },
  // Promises that are not awaited.
  ...['src/common', 'lib/client/link'].flatMap((folder): Probe[] => [
    {
      path: `${folder}/floating.ts`,
      code: 'export function run(work: () => Promise<void>): void {\n  work();\n}\n',
      rule: 'no-floating-promises',
    },
    {
      path: `${folder}/misused.ts`,
      code: 'export function run(items: string[], work: (item: string) => Promise<void>): void {\n  items.forEach(async (item) => work(item));\n}\n',
      rule: 'no-misused-promises',
    },
  ]),
];

describe('the lint rules enforce the staircases, the entry points of the parts, and awaited promises', () => {
  /** The tree is separate, with the project's configuration, since other tests read the project while this one runs. */
  let tree: string;
  /** The rules that each file breaks. */
  const broken = new Map<string, string[]>();

  beforeAll(async () => {
    tree = await mkdtemp(join(tmpdir(), 'nest-amqp-import-rule-'));
    await mkdir(join(tree, 'tools'));
    for (const file of CONFIGURATION) {
      await copyFile(join(root, file), join(tree, file));
    }
    await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
    for (const { path, code } of probes) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      await writeFile(join(tree, path), code);
    }
    for (const [, file, rule] of (await lint(tree)).matchAll(/^([^:\n]+):\d+:\d+: .* \[\w+\/[\w-]+\(([\w-]+)\)\]$/gm)) {
      broken.set(file!, [...(broken.get(file!) ?? []), rule!]);
    }
  });
  afterAll(() => rm(tree, { recursive: true, force: true }));

  it.each(probes.filter(({ rule }) => rule !== undefined))('$path is refused by $rule', ({ path, rule }) => {
    expect(broken.get(path)).toContain(rule);
  });

  it.each(probes.filter(({ rule }) => rule === undefined))('$path passes', ({ path }) => {
    expect((broken.get(path) ?? []).filter((rule) => FORBIDDING.has(rule))).toEqual([]);
  });
});

/** Returns an import from each floor to each floor above it. */
function upward(part: string, floors: readonly string[]): Probe[] {
  return floors.flatMap((floor, index) =>
    floors.slice(0, index).map((above) => refused(`${part}/${floor}`, `../${above}/probe.js`)),
  );
}

function refused(folder: string, imported: string): Probe {
  return { ...allowed(folder, imported), rule: 'no-restricted-imports' };
}

function allowed(folder: string, imported: string): Probe {
  const name = imported.replaceAll(/[^a-z]+/g, '-');
  return { path: `${folder}/imports${name}.ts`, code: `export * from '${imported}';\n`, rule: undefined };
}

/** Returns an expression that reads the machine's time or random source, or waits for its time. */
function real(folder: string, expression: string, rule: Probe['rule']): Probe {
  const name = expression.replaceAll(/[^a-zA-Z0-9]+/g, '-');
  return {
    path: `${folder}/real-${name}.ts`,
    code: `export const probe = (run: () => void): unknown => [run, ${expression}];\n`,
    rule,
  };
}

/** Returns an import of a name from `node:crypto`. */
function drawn(folder: string, name: string): Probe {
  return {
    path: `${folder}/drawn-${name}.ts`,
    code: `import { ${name} as drawn } from 'node:crypto';\nexport const probe = drawn;\n`,
    rule: 'no-restricted-imports',
  };
}

/** Returns oxlint's findings in the tree, one per line; oxlint exits with 1 when it has any. */
function lint(tree: string): Promise<string> {
  const oxlint = join(root, 'node_modules/.bin/oxlint');
  const options = ['--config', 'oxlint.config.mjs', '--deny-warnings', '--format', 'unix', 'cli', 'src', 'lib'];
  return new Promise((done) => {
    execFile(oxlint, options, { cwd: tree, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout) => done(stdout));
  });
}
