import { describe, expect, it, jest } from '@jest/globals';
import { worldNamed } from './worlds.js';

/** Few: `npm run simulate -- --world nest` runs the many. */
const SEEDS = 20;
// Nothing here waits for real time: a busy machine only needs longer, ms.
jest.setTimeout(600_000);

describe('the simulation of Nest applications', () => {
  const world = worldNamed('nest');

  it('runs a seed twice in the same way', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const [one, two] = [await world.run(world.generate(seed), {}), await world.run(world.generate(seed), {})];
      expect({ seed, hash: one.hash }).toEqual({ seed, hash: two.hash });
    }
  });

  it(`finds nothing in ${SEEDS} seeds`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violation } = await world.run(world.generate(seed), {});
      expect({ seed, violation }).toEqual({ seed, violation: undefined });
    }
  });
});
