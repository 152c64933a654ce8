/**
 * Makes the declarations of the package from those of tsc: one file per entry point, which reads as its reference, and a report
 * of each in `api/` for reviewers. The build fails when the public face differs from its report; `npm run api` writes the
 * reports anew.
 *
 * A type belongs to the first entry that exports it (tools/entries.mjs), and the others import it from there: a class
 * with two declarations would be two types.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { entries, specifierOf } from './entries.mjs';

const update = process.argv.includes('--update');
/** For tests of work in progress: the build prints which reports differ, and continues. */
const unreviewed = process.argv.includes('--unreviewed');
const compiled = resolve('.build/types');
const staged = resolve('.build/rolled-up');
const rolledUp = join(staged, 'node_modules/nest-amqp');
const reports = resolve('api');
const seal = join(staged, 'seal');
/** Matches `import … from` and `export … from`, as tsc writes them. */
const FROM = /^(?<kind>import|export) (?<type>type )?(?<clause>\*|\{[^}]*\}) from '(?<path>\.[^']*)';$/gm;
const DECLARED = /^export (?:declare )?(?:abstract )?(?:class|interface|type|function|const|enum) (?<name>[\w$]+)/gm;
const IMPORT_TYPE = /import\("(?<path>\.[^"]*)"\)\.(?<name>[\w$]+)/g;

/** The entry that exports a declaration, and its name there: `file#name` to `{ entry, name }`. */
const owners = new Map();
/** The first declaration of each exported name. */
const named = new Map();
/** Hashes all inputs and outputs, since API Extractor takes some seconds even when nothing has changed. */
const digest = () => {
  const hash = createHash('sha256');
  for (const folder of ['tools', 'api', '.build/types']) {
    for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (file.isFile()) hash.update(readFileSync(join(file.parentPath, file.name))).update(file.name);
    }
  }
  return hash.digest('hex');
};

mkdirSync(reports, { recursive: true });
if (update || !existsSync(seal) || readFileSync(seal, 'utf8') !== digest()) rollUpAll();
mkdirSync('dist', { recursive: true });
for (const entry of Object.keys(entries)) {
  const text = readFileSync(join(rolledUp, `${entry}.d.ts`), 'utf8')
    .replaceAll(/'nest-amqp(?:\/(\w+))?'/g, (_, other = 'index') => `'./${other}.cjs'`)
    // Nest 12 is ES modules only: before TypeScript 5.8 a CommonJS file may import only its types, and only with this attribute.
    .replaceAll(
      /^import (?:type )?(\{.*\}) from '(@nestjs\/.*)';$/gm,
      "import type $1 from '$2' with { 'resolution-mode': 'import' };",
    );
  writeFileSync(`dist/${entry}.d.cts`, text);
  writeFileSync(`dist/${entry}.d.mts`, `export * from './${entry}.cjs';\n`);
}

function rollUpAll() {
  rmSync(staged, { recursive: true, force: true });
  mkdirSync(rolledUp, { recursive: true });
  writeFileSync(join(staged, 'package.json'), JSON.stringify({ name: 'nest-amqp', type: 'module' }));
  const differ = Object.entries(entries).filter(([entry, module]) => {
    const start = join(compiled, `${module}.d.ts`);
    stage(start, entry, new Set());
    for (const [name, declared] of exportsOf(start)) {
      refuseSecond(name, declared, entry);
      if (!owners.has(declared)) owners.set(declared, { entry, name });
    }
    return !rollUp(entry, join(staged, entry, `${module}.d.ts`));
  });
  if (differ.length === 0) return writeFileSync(seal, digest());
  console.error(
    `The public face of ${differ.map(([entry]) => entry).join(', ')} differs from api/. If the change is intended, run: npm run api`,
  );
  if (!unreviewed) process.exit(1);
}

/** Throws if another entry exports a different declaration under the same name. */
function refuseSecond(name, declared, entry) {
  const first = named.get(name) ?? { declared, entry };
  named.set(name, first);
  if (first.declared === declared) return;
  throw new Error(
    `${entry} and ${first.entry} export different declarations as '${name}': give one of them another name`,
  );
}

/** Returns the declarations that a file exports: the exported name to `file#name`. */
function exportsOf(file) {
  const found = new Map();
  const text = readFileSync(file, 'utf8');
  for (const { groups } of text.matchAll(DECLARED)) found.set(groups.name, `${file}#${groups.name}`);
  for (const { groups } of text.matchAll(FROM)) {
    if (groups.kind !== 'export') continue;
    const from = exportsOf(declarationsAt(file, groups.path));
    const names = groups.clause === '*' ? [...from.keys()].map((name) => ({ name, as: name })) : namesIn(groups.clause);
    for (const { name, as } of names) found.set(as, from.get(name));
  }
  return found;
}

/** Copies a file and its imports, except what an earlier entry exports: the copy imports that from the entry. */
function stage(file, entry, done) {
  if (done.has(file)) return;
  done.add(file);
  let text = readFileSync(file, 'utf8');
  text = text.replaceAll(FROM, (whole, ...rest) => {
    const { kind, type = '', clause, path } = rest.at(-1);
    const target = declarationsAt(file, path);
    if (clause === '*') {
      stage(target, entry, done);
      return whole;
    }
    const from = exportsOf(target);
    const lines = new Map();
    for (const { name, as, isType } of namesIn(clause)) {
      const owner = owners.get(from.get(name));
      const specifier = owner === undefined ? path : specifierOf(owner.entry);
      const its = owner?.name ?? name;
      const line = lines.get(specifier) ?? lines.set(specifier, []).get(specifier);
      line.push(`${isType ? 'type ' : ''}${its === as ? its : `${its} as ${as}`}`);
    }
    if (lines.has(path)) stage(target, entry, done);
    return [...lines]
      .map(([specifier, names]) => `${kind} ${type}{ ${names.join(', ')} } from '${specifier}';`)
      .join('\n');
  });
  text = text.replaceAll(IMPORT_TYPE, (whole, ...rest) => {
    const { path, name } = rest.at(-1);
    const target = declarationsAt(file, path);
    const owner = owners.get(exportsOf(target).get(name));
    if (owner !== undefined) return `import("${specifierOf(owner.entry)}").${owner.name}`;
    stage(target, entry, done);
    return whole;
  });
  const copy = join(staged, entry, file.slice(compiled.length));
  mkdirSync(dirname(copy), { recursive: true });
  writeFileSync(copy, text);
}

function declarationsAt(file, path) {
  return resolve(dirname(file), path.replace(/\.js$/, '.d.ts'));
}

function namesIn(clause) {
  return clause
    .slice(1, -1)
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [name, as = name] = part.replace(/^type /, '').split(' as ');
      return { name, as, isType: part.startsWith('type ') };
    });
}

/** Runs API Extractor on one entry. @returns whether its report agrees */
function rollUp(entry, start) {
  const config = ExtractorConfig.prepare({
    packageJsonFullPath: join(staged, 'package.json'),
    configObject: {
      projectFolder: staged,
      mainEntryPointFilePath: start,
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'ES2023',
            lib: ['ES2023', 'ESNext.Disposable'],
            module: 'NodeNext',
            moduleResolution: 'NodeNext',
            types: ['node'],
            typeRoots: [resolve('node_modules/@types')],
            strict: true,
            exactOptionalPropertyTypes: true,
            skipLibCheck: true,
          },
          files: [start],
        },
      },
      apiReport: { enabled: true, reportFolder: reports, reportTempFolder: staged, reportFileName: entry },
      dtsRollup: { enabled: true, untrimmedFilePath: join(rolledUp, `${entry}.d.ts`) },
      docModel: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.Error },
          'ae-forgotten-export': { logLevel: ExtractorLogLevel.None },
          'ae-undocumented': { logLevel: ExtractorLogLevel.None },
          'ae-unresolved-link': { logLevel: ExtractorLogLevel.None },
          // The types carry no release tags.
          'ae-missing-release-tag': { logLevel: ExtractorLogLevel.None },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
  const { succeeded } = Extractor.invoke(config, { localBuild: update, showVerboseMessages: false });
  return succeeded;
}
