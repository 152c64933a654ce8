import { once } from 'node:events';

/** Jest's `globalTeardown` of the project `embedded`: stops the broker of the run. */
export default async function teardown(): Promise<void> {
  const child = globalThis.embeddedBrokerOfThisRun;
  globalThis.embeddedBrokerOfThisRun = undefined;
  if (!child?.connected) return;
  child.disconnect();
  await once(child, 'exit');
}
