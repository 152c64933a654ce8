import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '../..');
const lock = resolve(root, '.build/package.lock');
const marker = resolve(root, '.build/package-built-for');

/** Set by global-setup.ts: names this run of Jest. */
const RUN_VARIABLE = 'TEST_RUN_ID';

/**
 * Builds the package, once in each run of Jest. Its specs run in several processes, and a build removes what another
 * process may be loading.
 */
export async function buildOnce(): Promise<void> {
  await mkdir(resolve(root, '.build'), { recursive: true });
  const run = String(process.env[RUN_VARIABLE]);
  await takeLock();
  try {
    if ((await contentOf(marker)) === run) return;
    await promisify(execFile)('npm', ['run', 'build'], { cwd: root });
    await writeFile(marker, run);
  } finally {
    await rm(lock);
  }
}

/** Another process builds, and nobody tells when it is done: so it is asked. */
async function takeLock(): Promise<void> {
  for (;;) {
    try {
      return await writeFile(lock, String(process.pid), { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (isGone(await contentOf(lock))) await rm(lock, { force: true });
    else await delay(100);
  }
}

/** The process that took the lock was killed before it gave it back. */
function isGone(pid: string | undefined): boolean {
  if (!pid) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch {
    return true;
  }
}

async function contentOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}
