import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from '@jest/globals';

/** Compares a document with a golden one. With `UPDATE_GOLDEN=1` it writes it; prettier gives it its form. */
export function expectGolden(name: string, document: object): void {
  const file = `test/asyncapi/golden/${name}.json`;
  if (process.env['UPDATE_GOLDEN']) writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
  expect(JSON.parse(JSON.stringify(document))).toEqual(JSON.parse(readFileSync(file, 'utf8')));
}
