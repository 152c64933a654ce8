import { describe, expect, it, jest } from '@jest/globals';
import { worldNamed } from './worlds.js';

/** A small number. `npm run simulate -- --world nest` runs many seeds. */
const SEEDS = 20;
// The time is virtual, but a busy machine needs longer, ms.
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
