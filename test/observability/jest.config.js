/** Needs Debian's package `prometheus`, so it is not part of `npm test`. */
import { fileURLToPath } from 'node:url';
import base from '../../jest.config.js';

const { projects, ...options } = base;
const [{ displayName: _, ...unit }] = projects;

export default {
  ...options,
  ...unit,
  rootDir: fileURLToPath(new URL('../..', import.meta.url)),
  testMatch: ['<rootDir>/test/observability/*.test.ts'],
};
