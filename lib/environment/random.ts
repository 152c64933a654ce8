import { randomBytes } from 'node:crypto';

/** Randomness, handed in wherever it is needed, so that a simulation can repeat it. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** In a buffer of its own. */
  bytes(size: number): Buffer;
}

/** The machine's. Its bytes are fit for secrets, its numbers are not. */
export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: (size) => randomBytes(size),
};
