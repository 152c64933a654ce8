/** Debian's Chromium and the checks of the browser tests. CHROMIUM names another browser. */
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

/** ms */
export const DEADLINE = 15_000;

export function launch() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) {
    throw new Error(`no browser at ${executablePath}: run "apt-get install -y chromium", or set CHROMIUM to yours`);
  }
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Runs checks one after the other and counts their results. */
export class Checks {
  #passed = 0;
  #failed = 0;

  check = async (what, run) => {
    try {
      await run();
      this.#passed++;
      console.log(`ok: ${what}`);
    } catch (error) {
      this.#failed++;
      console.error(`failed: ${what}\n  ${error.message}`);
    }
  };

  /** Tells the result, which becomes that of the process. */
  end() {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    process.exitCode = this.#failed === 0 ? 0 : 1;
  }
}
