import { beforeAll, describe, expect, it } from '@jest/globals';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import * as library from 'ts-morph';
import { kinds } from './kinds.js';
import { planMigration } from './migration.js';
import { useAstLibrary } from './source/ast.js';

const PROJECTS = resolve('test/migrate/projects');
/** Entries of a project's folder that are for the test and no files of the project. */
const FOR_THE_TEST = new Set(['left.txt', 'by-hand']);

beforeAll(() => useAstLibrary(library));

/** The projects of `npm run test:migrate`, which also builds them and runs their tests, before and after. */
describe.each(Object.keys(kinds))('the projects of %s', (name) => {
  const kind = kinds[name]!;

  it('move, with nothing left but what is said to be, and a second run changes nothing', async () => {
    for (const project of await readdir(join(PROJECTS, name))) {
      const from = join(PROJECTS, name, project);
      const folder = await mkdtemp(join(tmpdir(), 'nest-amqp-migrate-'));
      try {
        await cp(from, folder, { recursive: true, filter: (file) => !FOR_THE_TEST.has(basename(file)) });
        const { files, report } = planMigration(kind, folder, '1.2.3');
        const left = report.left.map(({ file, line, text }) => `${file}:${line}  ${text}\n`).join('');
        expect({ project, left }).toEqual({
          project,
          left: await readFile(join(from, 'left.txt'), 'utf8').catch(() => ''),
        });
        expect(files.map(({ path }) => path)).toContain('package.json');
        for (const { path, after } of files) await writeFile(join(folder, path), after);
        expect({ project, again: planMigration(kind, folder, '1.2.3').files }).toEqual({ project, again: [] });
      } finally {
        await rm(folder, { recursive: true });
      }
    }
  });
});
