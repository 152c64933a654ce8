import { fileURLToPath } from 'node:url';
import { describe, expect, it, jest } from '@jest/globals';
import { knownSeeds } from './seeds.js';
import { worldNamed } from './worlds.js';

const failures = knownSeeds(fileURLToPath(new URL('seeds.txt', import.meta.url)));
/** A small number. `npm run simulate` runs many seeds. */
const SEEDS = 40;
// The time is virtual, but a busy machine needs longer, ms.
jest.setTimeout(600_000);

describe('the simulation', () => {
  it('runs a seed twice in the same way', async () => {
    const world = worldNamed('core');
    for (let seed = 1; seed <= 4; seed++) {
      const [one, two] = [await world.run(world.generate(seed), {}), await world.run(world.generate(seed), {})];
      expect({ seed, hash: one.hash }).toEqual({ seed, hash: two.hash });
    }
  });

  it(`finds nothing in ${SEEDS} seeds`, async () => {
    const world = worldNamed('core');
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violation } = await world.run(world.generate(seed), {});
      expect({ seed, violation }).toEqual({ seed, violation: undefined });
    }
  });

  it('finds nothing in the seeds that once failed', async () => {
    for (const { world: name, seed, why } of failures) {
      const world = worldNamed(name);
      const { violation } = await world.run(world.generate(seed), {});
      expect({ seed, why, violation }).toEqual({ seed, why, violation: undefined });
    }
  });
});
