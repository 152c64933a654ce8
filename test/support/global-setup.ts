import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RabbitMq } from './rabbitmq.js';

declare global {
  // Setup and teardown run in one process; a global is the only thing that they share.
  var sharedRabbitOfThisRun: RabbitMq | undefined;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Jest's `globalSetup`: starts one RabbitMQ for the run, see `sharedRabbit()`. The broker ends with the run, even if Jest is
 * killed.
 *
 * Jest loads this file without the module mapping of the tests, so this file cannot import the TypeScript of its neighbours.
 * It compiles them, which the specs of command-line programs need as well, and imports the result.
 */
export default async function setup(): Promise<void> {
  // Builds the package once, before the specs of the samples need it: two specs that build it at the same time would disturb each
  // other.
  execFileSync('npm', ['run', 'build:unreviewed', '--silent'], { cwd: root, stdio: 'inherit' });
  execFileSync(`${root}node_modules/.bin/tsc`, ['-p', `${root}test/support/tsconfig.json`], { stdio: 'inherit' });
  const { startRabbitMq } = (await import(`${root}.build/support/rabbitmq.js`)) as typeof import('./rabbitmq.js');
  const { publishShared } = (await import(
    `${root}.build/support/shared-broker.js`
  )) as typeof import('./shared-broker.js');
  globalThis.sharedRabbitOfThisRun = await startRabbitMq();
  publishShared(globalThis.sharedRabbitOfThisRun);
}
