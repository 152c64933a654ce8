import { afterEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '..');

/** Lints one file with the project's own configuration, at a place in its tree. */
async function lint(path: string, source: string): Promise<{ failed: boolean; output: string }> {
  const file = resolve(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, source);
  try {
    const { stdout } = await run('npx', ['oxlint', '--deny-warnings', path], { cwd: root });
    return { failed: false, output: stdout };
  } catch (error) {
    return { failed: true, output: String((error as { stdout?: string }).stdout) };
  }
}

describe('imports run one way: src → lib/client → lib/protocol, lib/broker → lib/protocol', () => {
  const written: string[] = [];
  const place = (folder: string): string => {
    const path = `${folder}/import-rule-probe-${process.pid}.ts`;
    written.push(path);
    return path;
  };

  afterEach(() => {
    for (const path of written.splice(0)) rmSync(resolve(root, path), { force: true });
  });

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
    const { failed, output } = await lint(place(folder), `export * from '${imported}';\n`);
    expect(output).toContain('no-restricted-imports');
    expect(failed).toBe(true);
  });

  it.each([
    ['lib/client', '../protocol/spec.js'],
    ['src/module', '../../lib/client/index.js'],
  ])('%s may import %s', async (folder, imported) => {
    const { failed, output } = await lint(place(folder), `export * from '${imported}';\n`);
    expect(output).not.toContain('no-restricted-imports');
    expect(failed).toBe(false);
  });
});
