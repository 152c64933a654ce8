import { systemClock, systemRandom, type Clock, type Random } from '../../lib/environment/index.js';
import { uniqueIds } from './unique-id.js';

/** Time and chance of one connection and of all that works on it. */
export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  /** A random UUID. */
  readonly uniqueId: () => string;
}

/** The machine's. */
export const systemEnvironment: Environment = {
  clock: systemClock,
  random: systemRandom,
  uniqueId: uniqueIds(systemRandom),
};

/** What a connection's options hand in; the machine's for what they do not. */
export function environmentOf(given: { readonly clock?: Clock; readonly random?: Random } = {}): Environment {
  const { clock = systemClock, random } = given;
  if (!random) return { ...systemEnvironment, clock };
  return { clock, random, uniqueId: uniqueIds(random) };
}
