/**
 * Run with --enable-source-maps: checks that the stack of an error names files of the package that exist. Without a source map
 * it names the bundle, which is readable and which a debugger opens.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createConnection } from 'nest-amqp/client';

const require = createRequire(import.meta.url);
const commonJs = require(join(import.meta.dirname, 'node_modules/nest-amqp/dist/client.cjs'));

for (const create of [createConnection, commonJs.createConnection]) {
  let stack = '';
  try {
    create({ unknown: 1 });
  } catch (error) {
    stack = error.stack;
  }
  const files = [...stack.matchAll(/(?:\(|at (?:async )?)((?:file:\/\/)?\/[^\s()]+):\d+:\d+/g)].map(([, file]) =>
    file.startsWith('file:') ? fileURLToPath(file) : file,
  );
  if (!files.some((file) => file.includes('nest-amqp'))) throw new Error(`no file of the package in:\n${stack}`);
  for (const file of files) if (!existsSync(file)) throw new Error(`${file} does not exist:\n${stack}`);
}
