import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { compileClient } from './support/compiled-client.js';

/** Prints the URL of each loaded module, one per line. */
const HOOKS = `import { writeSync } from 'node:fs';
export async function load(url, context, next) {
  if (url.startsWith('file:') || url.startsWith('node:')) writeSync(1, url + '\\n');
  return next(url, context);
}`;

describe("D6 import 'nest-amqp/client'", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await compileClient();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('D6 loads no third-party module, and no file outside lib', async () => {
    const hooks = `data:text/javascript,${encodeURIComponent(HOOKS)}`;
    const register = `data:text/javascript,${encodeURIComponent(`import { register } from 'node:module'; register(${JSON.stringify(hooks)});`)}`;
    const entry = pathToFileURL(join(folder, 'lib/client/index.js')).href;
    const program = `const client = await import(${JSON.stringify(entry)}); if (typeof client.connect !== 'function') process.exit(3);`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', register, '--input-type=module', '--eval', program],
      // The folder has no node_modules: a dependency cannot be resolved from it.
      { cwd: folder, env: { ...process.env, NODE_OPTIONS: '', NODE_PATH: '' } },
    );
    const loaded = stdout.trim().split('\n');
    expect(loaded).toContain(entry);
    expect(loaded.length).toBeGreaterThan(30);
    const ours = pathToFileURL(join(folder, 'lib')).href;
    const foreign = loaded.filter(
      (url) =>
        !url.startsWith(`${ours}/client/`) &&
        !url.startsWith(`${ours}/protocol/`) &&
        !url.startsWith(`${ours}/environment/`) &&
        !url.startsWith(`${ours}/option-names/`) &&
        !url.startsWith(`${ours}/shown/`),
    );
    expect(foreign.filter((url) => !url.startsWith('node:'))).toEqual([]);
  });
});
