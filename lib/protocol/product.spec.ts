import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { PRODUCT_VERSION } from './product.js';

it('K7 the version told to the peer is the one of package.json', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(PRODUCT_VERSION).toBe(version);
});
