import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { moduleFile, moduleOf, type ModuleFile } from '../module-class.js';
import { UsageError } from '../usage-error.js';

export const USAGE = `usage: nest-amqp asyncapi MODULE [--out FILE] [--check OLD.json] [--title TEXT] [--app-version TEXT]

Makes the AsyncAPI document of an application, without a broker: the providers of the application are created, but it does not
start. Prints the document as JSON, unless one of these options says otherwise.

  MODULE              the compiled file of the root module, such as dist/app.module.js. If it exports several modules, name one:
                      dist/app.module.js#AppModule
  --out FILE          writes the document to a file: as YAML if its name ends with .yaml or .yml, else as JSON
  --check OLD.json    compares it with an earlier document, prints each change that breaks other services, and exits with 1 if
                      there is any
  --title TEXT        default: the name in the nearest package.json
  --app-version TEXT  default: the version in the nearest package.json
  --help              this text
`;

interface Arguments extends ModuleFile {
  readonly out: string | undefined;
  readonly old: string | undefined;
  readonly title: string | undefined;
  readonly version: string | undefined;
}

/**
 * `npx nest-amqp asyncapi …`.
 *
 * @returns the exit code: 1 if the change breaks other services
 * @throws UsageError, the errors of the file system and of an application that cannot be created
 */
export async function asyncapi(args: readonly string[], print: (text: string) => void): Promise<0 | 1> {
  const given = parse(args);
  if (given === 'help') {
    print(USAGE);
    return 0;
  }
  // Before the application is created: that may take a while.
  const old = given.old === undefined ? undefined : readJson(given.old);
  const module = await moduleOf(given, USAGE);
  // Its imports, and those of the application, are of no use to the other commands.
  const { asyncApiBreaks, documentOf, toYaml } = await import('../../src/asyncapi/command-line.js');
  const { name, version } = manifestOf(given.file);
  const document = await documentOf(module, {
    title: given.title ?? name ?? module.name,
    version: given.version ?? version ?? '1.0.0',
  });
  const json = `${JSON.stringify(document, null, 2)}\n`;
  if (given.out !== undefined) writeFileSync(given.out, /\.ya?ml$/.test(given.out) ? toYaml(document) : json);
  if (old === undefined) {
    if (given.out === undefined) print(json);
    return 0;
  }
  const breaks = asyncApiBreaks(old as typeof document, document);
  for (const { breaks: whom, part, event, path, message } of breaks) {
    print(`breaks ${whom} of the ${part} '${event}': ${path === '' ? '' : `${path}: `}${message}\n`);
  }
  print(
    breaks.length === 0
      ? `no change breaks another service\n`
      : `${breaks.length} breaking ${breaks.length === 1 ? 'change' : 'changes'}\n`,
  );
  return breaks.length === 0 ? 0 : 1;
}

function parse(args: readonly string[]): Arguments | 'help' {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        out: { type: 'string' },
        check: { type: 'string' },
        title: { type: 'string' },
        'app-version': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, USAGE);
  }
  const { values, positionals } = parsed;
  if (values.help) return 'help';
  const [module, ...more] = positionals;
  if (module === undefined) throw new UsageError('MODULE is missing', USAGE);
  if (more.length > 0) throw new UsageError(`unexpected argument '${more[0]}'`, USAGE);
  return {
    ...moduleFile(module, USAGE),
    out: values.out,
    old: values.check,
    title: values.title,
    version: values['app-version'],
  };
}

/** @throws UsageError */
function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`--check '${file}': ${(error as Error).message}`, USAGE);
  }
}

/** Returns name and version of the nearest package.json. */
function manifestOf(file: string): { readonly name?: string; readonly version?: string } {
  for (let folder = dirname(resolve(file)); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) {
      const manifest = JSON.parse(readFileSync(path, 'utf8')) as { readonly name?: string; readonly version?: string };
      if (manifest.name !== undefined || folder === dirname(folder)) return manifest;
    }
    if (folder === dirname(folder)) return {};
  }
}
