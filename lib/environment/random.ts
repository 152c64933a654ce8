import { randomBytes } from 'node:crypto';

/** A source of randomness, passed in wherever it is needed, so that a simulation can repeat it. */
export interface Random {
  /** Returns a number in [0, 1). */
  next(): number;
  /** Returns random bytes in a new buffer. */
  bytes(size: number): Buffer;
}

/** The system's randomness. Its bytes are cryptographically secure, its numbers are not. */
export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: (size) => randomBytes(size),
};
