import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

declare global {
  // Setup and teardown run in one process; a global is the only thing that they share.
  var embeddedBrokerOfThisRun: ChildProcess | undefined;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Jest's `globalSetup` of the project `embedded`: starts one embedded broker for the run, in place of RabbitMQ. */
export default async function setup(): Promise<void> {
  execFileSync(`${root}node_modules/.bin/tsc`, ['-p', `${root}test/support/embedded.tsconfig.json`], {
    stdio: 'inherit',
  });
  const child = fork(`${root}test/support/embedded-child.mjs`, [`${root}.build/embedded/lib/broker/index.js`]);
  globalThis.embeddedBrokerOfThisRun = child;
  const [url] = (await once(child, 'message')) as [string];
  process.env['TEST_EMBEDDED_URL'] = url;
}
