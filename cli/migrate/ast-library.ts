import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { pathToFileURL } from 'node:url';
import type { AstLibrary } from './source/ast.js';

const NAME = 'ts-morph';
/** The version that the codemod is tested with. */
const VERSION = '28.0.0';

/** The library that reads TypeScript is missing, and npm cannot fetch it or may not. */
export class AstLibraryError extends Error {
  override readonly name = 'AstLibraryError';
}

/** The places and the commands for finding and fetching the library. Tests replace them. */
export interface LibrarySource {
  /** Folder that keeps what was fetched. */
  readonly cache: string;
  /** Files beside which the library may be installed. */
  readonly installedBeside: readonly string[];
  /** Fetches the package into a folder of its own. @throws Error that says why it cannot */
  fetch(target: string): Promise<void>;
  /** Asks the person at the terminal. `undefined` when no person is there. */
  ask: ((question: string) => Promise<boolean>) | undefined;
}

/** npm, and a folder of the user's cache. */
export function npmSource(): LibrarySource {
  return {
    cache: join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'nest-amqp'),
    installedBeside: [import.meta.url],
    fetch: fetchByNpm,
    ask: process.stdin.isTTY && process.stdout.isTTY ? askAtTerminal : undefined,
  };
}

/**
 * Loads ts-morph: the one that is installed, the one that was fetched before, or one that is fetched now.
 *
 * @param consent the person has agreed to fetching by an option
 * @throws AstLibraryError that says what to do
 */
export async function loadAstLibrary(consent: boolean, source: LibrarySource = npmSource()): Promise<AstLibrary> {
  const kept = join(source.cache, `${NAME}-${VERSION}`);
  const places = [...source.installedBeside, ...(existsSync(kept) ? [join(kept, 'package.json')] : [])];
  const installed = places.map(resolveFrom).find((file) => file !== undefined);
  if (installed !== undefined) return load(installed);
  if (!consent) await agree(source);
  await mkdir(source.cache, { recursive: true });
  const target = await mkdtemp(join(source.cache, 'fetching-'));
  try {
    await source.fetch(target);
    // If another process was faster, the folder has the same content.
    await rename(target, kept).catch((error: NodeJS.ErrnoException) => {
      if (!existsSync(kept)) throw error;
    });
  } catch (error) {
    throw new AstLibraryError(
      `${NAME}@${VERSION} could not be fetched: ${(error as Error).message}. Install it beside nest-amqp instead: ` +
        `npm i -D ${NAME}@${VERSION}`,
      { cause: error },
    );
  } finally {
    await rm(target, { recursive: true, force: true });
  }
  const fetched = resolveFrom(join(kept, 'package.json'));
  if (fetched === undefined) throw new AstLibraryError(`npm fetched ${NAME} into ${kept}, but its file is missing`);
  return load(fetched);
}

async function agree(source: LibrarySource): Promise<void> {
  const what = `the codemod reads sources with ${NAME}@${VERSION} (15 MB), which is not part of nest-amqp`;
  if (!source.ask) throw new AstLibraryError(`${what}: run it again with --fetch to have npm fetch it`);
  if (!(await source.ask(`${what}. Fetch it now into ${source.cache}?`))) {
    throw new AstLibraryError(`the codemod cannot rewrite sources without ${NAME}`);
  }
}

/** Returns the library's file as Node resolves it from `file`. */
function resolveFrom(file: string): string | undefined {
  try {
    return createRequire(file).resolve(NAME);
  } catch {
    return undefined;
  }
}

async function load(file: string): Promise<AstLibrary> {
  const loaded = (await import(pathToFileURL(file).href)) as AstLibrary & { default?: AstLibrary };
  return loaded.default ?? loaded;
}

async function fetchByNpm(target: string): Promise<void> {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const options = ['--prefix', target, '--no-audit', '--no-fund', '--ignore-scripts', '--no-save', '--loglevel=error'];
  const child = spawn(npm, ['install', ...options, `${NAME}@${VERSION}`], {
    cwd: dirname(target),
    stdio: ['ignore', 'ignore', 'pipe'],
    shell: process.platform === 'win32',
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`npm ended with ${code}: ${said.trim().split('\n').slice(0, 3).join(' ')}`);
}

async function askAtTerminal(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
