/** Jest's `globalTeardown`: stops what global-setup.ts started, after failed tests too. */
export default async function teardown(): Promise<void> {
  await globalThis.sharedRabbitOfThisRun?.stop();
  globalThis.sharedRabbitOfThisRun = undefined;
}
