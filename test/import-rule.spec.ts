import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '..');

describe('imports run one way: src → lib/client → lib/protocol, lib/broker → lib/protocol', () => {
  /** A tree of its own with the project's configuration: other tests read the project's while this one runs. */
  let tree: string;

  beforeAll(async () => {
    tree = await mkdtemp(join(tmpdir(), 'nest-amqp-import-rule-'));
    await copyFile(join(root, '.oxlintrc.json'), join(tree, '.oxlintrc.json'));
  });
  afterAll(() => rm(tree, { recursive: true, force: true }));

  /** Lints a file of this folder that imports that. */
  async function lint(folder: string, imported: string): Promise<{ failed: boolean; output: string }> {
    const path = `${folder}/probe.ts`;
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), `export * from '${imported}';\n`);
    try {
      const { stdout } = await run(join(root, 'node_modules/.bin/oxlint'), ['--deny-warnings', path], { cwd: tree });
      return { failed: false, output: stdout };
    } catch (error) {
      return { failed: true, output: String((error as { stdout?: string }).stdout) };
    }
  }

  it.each([
    ['lib/client', '../../src/index.js'],
    ['lib/protocol', '../../src/index.js'],
    ['lib/protocol', '../client/index.js'],
    ['lib/protocol', 'node:net'],
    ['lib/client', '../broker/index.js'],
    ['lib/client', '@nestjs/common'],
    ['lib/client', 'rxjs'],
    ['lib/client', 'nest-amqp'],
    ['src/module', '../../lib/protocol/spec.js'],
  ])('%s must not import %s', async (folder, imported) => {
    const { failed, output } = await lint(folder, imported);
    expect(output).toContain('no-restricted-imports');
    expect(failed).toBe(true);
  });

  it.each([
    ['lib/client', '../protocol/spec.js'],
    ['src/module', '../../lib/client/index.js'],
  ])('%s may import %s', async (folder, imported) => {
    const { failed, output } = await lint(folder, imported);
    expect(output).not.toContain('no-restricted-imports');
    expect(failed).toBe(false);
  });
});
