/**
 * Checks the documentation: every relative link has a target, and every TypeScript snippet of README and docs compiles against
 * the sources (`ts` fences; ```ts ignore marks fragments that need not compile). A reader's ESLint, as `nest new` sets it up,
 * refuses an async function without await, so snippets have none.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'RELEASE.md',
  'CHANGELOG.md',
  ...markdownBelow('docs'),
  ...markdownBelow('sample'),
];
const problems = [];
// The folder is inside the repository, so that the snippets find its node_modules and path mappings.
const folder = resolve('.build/doc-snippets');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
let links = 0;
const origins = new Map();

for (const page of pages) {
  const text = readFileSync(page, 'utf8');
  const prose = text.replace(/^```[\s\S]*?^```/gm, '');
  for (const [, target] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    links++;
    const [path, anchor] = target.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    if (!existsSync(file)) problems.push(`${page}: link to ${target}, which does not exist`);
    else if (anchor && !anchorsOf(file).has(anchor))
      problems.push(`${page}: link to ${target}, whose heading does not exist`);
  }
  for (const [, snippet] of text.matchAll(/^```ts\n([\s\S]*?)^```/gm)) {
    const name = `snippet-${origins.size + 1}.ts`;
    origins.set(name, page);
    writeFileSync(join(folder, name), `${snippet}\nexport {};\n`);
  }
}

writeFileSync(
  join(folder, 'tsconfig.json'),
  JSON.stringify({
    extends: '../../tsconfig.json',
    compilerOptions: {
      paths: {
        'nest-amqp': ['../../src/index.ts'],
        'nest-amqp/microservices': ['../../src/microservices/index.ts'],
        'nest-amqp/client': ['../../lib/client/index.ts'],
        'nest-amqp/broker': ['../../lib/broker/index.ts'],
        'nest-amqp/testing': ['../../src/testing/index.ts'],
        'nest-amqp/opentelemetry': ['../../src/opentelemetry/index.ts'],
        'nest-amqp/board': ['../../src/board/index.ts'],
        'nest-amqp/asyncapi': ['../../src/asyncapi/index.ts'],
      },
      // A snippet declares values for the reader's own code, which does not use them here.
      noUnusedLocals: false,
      verbatimModuleSyntax: false,
    },
    include: ['*.ts'],
  }),
);
try {
  execFileSync('npx', ['tsc', '-p', folder], { stdio: ['ignore', 'pipe', 'inherit'] });
} catch (error) {
  const output = String(error.stdout).trim();
  problems.push(withOrigins(output));
}
problems.push(...asyncWithoutAwait().map(withOrigins));

for (const problem of problems) console.error(problem);
console.log(`${pages.length} pages, ${links} links, ${origins.size} snippets`);
console.log(
  `${pages.length - new Set(problems.map((p) => p.split(/[: ]/)[0])).size} passed, ${problems.length} failed`,
);
if (problems.length > 0) process.exitCode = 1;
else rmSync(folder, { recursive: true, force: true });

function withOrigins(output) {
  return output.replaceAll(/(snippet-\d+\.ts)/g, (name) => `${origins.get(name)} ${name}`);
}

/** Lints a copy in a temporary folder, since oxlint skips what Git ignores. Returns the complaints, one a line. */
function asyncWithoutAwait() {
  const copy = mkdtempSync(join(tmpdir(), 'nest-amqp-docs-'));
  try {
    for (const name of origins.keys()) copyFileSync(join(folder, name), join(copy, name));
    const oxlint = resolve('node_modules/.bin/oxlint');
    execFileSync(oxlint, ['-A', 'all', '-D', 'require-await', '-f', 'unix', '.'], { cwd: copy, stdio: 'pipe' });
    return [];
  } catch (error) {
    return String(error.stdout).match(/^.*snippet-.*$/gm) ?? [String(error.stderr)];
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function markdownBelow(path) {
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.md') && !file.includes('node_modules'))
    .map((file) => join(path, file));
}

/** Returns the anchors that GitHub makes of headings. */
function anchorsOf(file) {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+\s+(.*)$/gm);
  return new Set(
    [...headings].map(([, heading]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    ),
  );
}
