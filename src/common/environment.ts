import { systemClock, systemRandom, type Clock, type Random } from '../../lib/environment/index.js';
import { uniqueIds } from './unique-id.js';

/** Clock and randomness of one connection and everything that uses it. */
export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  /** Returns a random UUID. */
  readonly uniqueId: () => string;
}

/** The system's clock and randomness. */
export const systemEnvironment: Environment = {
  clock: systemClock,
  random: systemRandom,
  uniqueId: uniqueIds(systemRandom),
};

/** Takes clock and randomness from the options, and the system's where the options have none. */
export function environmentOf(given: { readonly clock?: Clock; readonly random?: Random } = {}): Environment {
  const { clock = systemClock, random } = given;
  if (!random) return { ...systemEnvironment, clock };
  return { clock, random, uniqueId: uniqueIds(random) };
}
