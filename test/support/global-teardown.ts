/** Jest's `globalTeardown`: stops the broker that global-setup.ts started, also after failed tests. */
export default async function teardown(): Promise<void> {
  await globalThis.sharedRabbitOfThisRun?.stop();
  globalThis.sharedRabbitOfThisRun = undefined;
}
