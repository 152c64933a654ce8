import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AstLibraryError, loadAstLibrary, type LibrarySource } from './ast-library.js';

/** A package that can be loaded in place of the real one. */
async function fakeFetch(target: string): Promise<void> {
  const folder = join(target, 'node_modules/ts-morph');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "name": "ts-morph", "main": "index.cjs" }');
  await writeFile(join(folder, 'index.cjs'), 'module.exports = { fetched: true };');
}

describe('the AST library', () => {
  let cache: string;
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'nest-amqp-cache-'));
  });
  afterEach(() => rm(cache, { recursive: true }));

  const source = (given: Partial<LibrarySource> = {}): LibrarySource => ({
    cache,
    installedBeside: [],
    fetch: fakeFetch,
    ask: undefined,
    ...given,
  });

  it('is fetched with consent, once, and kept', async () => {
    let fetches = 0;
    const counting = source({
      fetch: (target) => {
        fetches++;
        return fakeFetch(target);
      },
    });
    expect(await loadAstLibrary(true, counting)).toMatchObject({ fetched: true });
    expect(await loadAstLibrary(false, counting)).toMatchObject({ fetched: true });
    expect(fetches).toBe(1);
    expect(await readdir(cache)).toEqual(['ts-morph-28.0.0']);
  });

  it('is not fetched without consent', async () => {
    await expect(loadAstLibrary(false, source())).rejects.toThrow('run it again with --fetch');
    const asked: string[] = [];
    const refusing = source({
      ask: async (question) => {
        asked.push(question);
        return false;
      },
    });
    await expect(loadAstLibrary(false, refusing)).rejects.toThrow(AstLibraryError);
    expect(asked).toEqual([expect.stringContaining('Fetch it now')]);
    expect(await readdir(cache)).toEqual([]);
  });

  it('is fetched when the person agrees', async () => {
    expect(await loadAstLibrary(false, source({ ask: async () => true }))).toMatchObject({ fetched: true });
  });

  it('that cannot be fetched is a clear error, and leaves nothing behind', async () => {
    const failing = source({
      fetch: async () => {
        throw new Error('npm ended with 1: ENOTFOUND registry.npmjs.org');
      },
    });
    await expect(loadAstLibrary(true, failing)).rejects.toThrow(
      'ts-morph@28.0.0 could not be fetched: npm ended with 1: ENOTFOUND registry.npmjs.org. Install it beside ' +
        'nest-amqp instead: npm i -D ts-morph@28.0.0',
    );
    expect(await readdir(cache)).toEqual([]);
  });
});
