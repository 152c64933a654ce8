import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RabbitMq } from './rabbitmq.js';

declare global {
  // Setup and teardown run in the same process and share nothing else.
  var sharedRabbitOfThisRun: RabbitMq | undefined;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Jest's `globalSetup`: one RabbitMQ for the run, see `sharedRabbit()`. It ends with the run even if Jest is killed.
 *
 * Jest loads this file by itself, without the module mapping that tests have, so it can't import its neighbours'
 * TypeScript. It compiles them, which specs of command-line programs need anyway, and takes the result.
 */
export default async function setup(): Promise<void> {
  // Once, before the specs of samples need it: two of them that built it would be in each other's way.
  execFileSync('npm', ['run', 'build:unreviewed', '--silent'], { cwd: root, stdio: 'inherit' });
  execFileSync(`${root}node_modules/.bin/tsc`, ['-p', `${root}test/support/tsconfig.json`], { stdio: 'inherit' });
  const { startRabbitMq } = (await import(`${root}.build/support/rabbitmq.js`)) as typeof import('./rabbitmq.js');
  const { publishShared } = (await import(
    `${root}.build/support/shared-broker.js`
  )) as typeof import('./shared-broker.js');
  globalThis.sharedRabbitOfThisRun = await startRabbitMq();
  publishShared(globalThis.sharedRabbitOfThisRun);
}
