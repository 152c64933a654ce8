import { readFileSync } from 'node:fs';

export interface KnownSeed {
  readonly world: string;
  readonly seed: number;
  readonly why: string;
}

/** Reads the seeds that once failed from `seeds.txt`: world, seed and reason, one a line. */
export function knownSeeds(file: string): KnownSeed[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => /^\w+ +\d/.test(line))
    .map((line) => {
      const [, world = '', seed, why = ''] = /^(\w+) +(\d+) *(.*)$/.exec(line) ?? [];
      return { world, seed: Number(seed), why };
    });
}
