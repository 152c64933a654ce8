import { afterAll, jest } from '@jest/globals';

// Projects use `jest` as a global, which it is only without ES modules.
globalThis.jest = jest;

/** Waits until an expectation holds. */
globalThis.eventually = async (expectation) => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await expectation();
    } catch (error) {
      if (attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
};

afterAll(() => globalThis.brokerOfThisFile.close());
