import { transformFile } from '@swc/core';
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Compiles lib/ to JavaScript in a folder without node_modules, for a Node process outside Jest, which imports
 * `lib/client/index.js` there. Remove the folder afterwards.
 */
export async function compileClient(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nest-amqp-client-'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const files = await readdir(join(root, 'lib'), { recursive: true });
  for (const file of files.filter((name) => name.endsWith('.ts') && !name.includes('.spec.'))) {
    const { code } = await transformFile(join(root, 'lib', file), {
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      module: { type: 'es6' },
      swcrc: false,
    });
    const target = join(folder, 'lib', file.replace(/\.ts$/, '.js'));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, code);
  }
  return folder;
}
