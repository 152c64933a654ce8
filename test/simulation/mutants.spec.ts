import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { plant, type Mutant } from './mutant.js';
import { withResults, type MutantResult } from './mutants-table.js';
import { mutants as coreMutants } from './mutants.js';
import { mutants as nestMutants } from './nest/mutants.js';

const read = (file: string): string => readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');

describe('the planted defects', () => {
  it.each([...coreMutants, ...nestMutants].map((mutant) => [mutant.why, mutant] as const))('fits: %s', (_, mutant) => {
    const { sound, broken } = plant(mutant, read);
    expect(broken).not.toBe(sound);
  });

  it('refuses one whose text stands there never, or twice', () => {
    const mutant: Mutant = { file: 'a.ts', search: 'one', replace: 'two', why: 'counts wrong' };
    expect(plant(mutant, () => 'a one b')).toEqual({ sound: 'a one b', broken: 'a two b' });
    expect(() => plant(mutant, () => 'a b')).toThrow("the defect 'counts wrong' does not fit: a.ts has 0 times:\none");
    expect(() => plant(mutant, () => 'one one')).toThrow('a.ts has 2 times');
    expect(() => plant({ ...mutant, replace: 'one' }, () => 'a one b')).toThrow('changes nothing');
  });
});

describe('the table of defects', () => {
  const mutant = (why: string): Mutant => ({ file: 'lib/a.ts', search: 'x', replace: 'y', why });
  const [one, two, three] = [mutant('one'), mutant('two'), mutant('a | b')];
  const found: MutantResult = { mutant: two, seeds: 12, seconds: 3.44, by: 'leak: N timers', limit: 60 };
  const empty = 'text\n<!-- defects of core: made by npm run simulate:mutants -- --write -->\n<!-- end -->\nmore\n';

  it('has a row for each, run or not', () => {
    const text = withResults(empty, 'core', [one, two, three], [found]);
    expect(text.split('\n').slice(3, 8)).toEqual([
      '| # | defect | seeds | seconds | rule |',
      '| --- | --- | --- | --- | --- |',
      '| 1 | one (`a.ts`) | not run | |  |',
      '| 2 | two (`a.ts`) | 12 | 3.4 | `leak` |',
      '| 3 | a \\| b (`a.ts`) | not run | |  |',
    ]);
    expect(text.startsWith('text\n<!--')).toBe(true);
    expect(text.endsWith('<!-- end -->\nmore\n')).toBe(true);
  });

  it('keeps what was run before, also when its number changes, and forgets what there is no more', () => {
    const before = withResults(empty, 'core', [one, two], [found]);
    const missed: MutantResult = { mutant: three, seeds: 400, seconds: 60, by: undefined, limit: 60 };
    const after = withResults(before, 'core', [two, three], [missed]);
    expect(after.split('\n').filter((line) => /^\| \d/.test(line))).toEqual([
      '| 1 | two (`a.ts`) | 12 | 3.4 | `leak` |',
      '| 2 | a \\| b (`a.ts`) | not found | over 60 |  |',
    ]);
  });

  it('says so when the document has no place for it', () => {
    expect(() => withResults('text', 'core', [], [])).toThrow('there is no table between');
  });
});
