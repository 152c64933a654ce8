import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const docs = new URL('../docs/', import.meta.url);
const tests = new URL('client/', import.meta.url);

const numbered = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);
const ROWS = [...numbered('A', 25), ...numbered('B', 17), ...numbered('C', 11), ...numbered('D', 6)];

/** Matches a test with a literal name, from its row on. */
const TEST_NAME = /\b(?:describe|it)(?:\.each(?:<[^;]*?>)?\([^`'"]*?\))?\(\s*[`'"]([A-D]\d+) /g;

const rows = [
  ...readFileSync(new URL('features.md', docs), 'utf8').matchAll(/^\| ([A-D]\d+) +\| .+ \| (.+?) +\| (.+?) +\|$/gm),
].map(([, row, guide, proof]) => ({
  row: row!,
  guide: guide!,
  links: [...proof!.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, target]) => new URL(target!, docs)),
}));

/** Returns the anchors of a guide's sections. */
function sectionsOf(page: string): string[] {
  return [...readFileSync(new URL(page, docs), 'utf8').matchAll(/^##? (.+)$/gm)].map(([, heading]) =>
    heading!.toLowerCase().replaceAll(' ', '-'),
  );
}

function testedRows(file: URL): Set<string> {
  return new Set([...readFileSync(file, 'utf8').matchAll(TEST_NAME)].map(([, row]) => row!));
}

describe('docs/features.md', () => {
  it('lists every row once, in order', () => {
    expect(rows.map(({ row }) => row)).toEqual(ROWS);
  });

  it.each(rows)('$row: the linked file has a test of its name', ({ row, links }) => {
    const [proof, ...others] = links;
    expect(testedRows(proof!)).toContain(row);
    for (const other of others) expect(readFileSync(other, 'utf8')).toBeTruthy();
  });

  it.each(rows)('$row: the linked section of the guide exists', ({ guide }) => {
    const [, page = 'client.md', anchor] = /^\[guide\]\(((?:client|observability)\.md)#([a-z-]+)\)$/.exec(guide) ?? [];
    expect(sectionsOf(page)).toContain(anchor);
  });

  it('every test of the client begins with a listed row', () => {
    const files = readdirSync(fileURLToPath(tests)).filter((name) => /^[a-d]\d.*\.spec\.ts$/.test(name));
    expect(files.length).toBeGreaterThanOrEqual(40);
    for (const name of files) {
      const found = [...testedRows(new URL(name, tests))];
      expect([name, found.length > 0]).toEqual([name, true]);
      for (const row of found) expect(ROWS).toContain(row);
    }
  });
});
