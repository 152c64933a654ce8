/** Selects the unit specs: StrykerJS runs them in a copy of the repository, once for each mutant that they reach. */
import { fileURLToPath } from 'node:url';
import whole from '../../jest.config.js';

const unit = whole.projects.find(({ displayName }) => displayName === 'unit');

export default {
  ...unit,
  rootDir: fileURLToPath(new URL('../..', import.meta.url)),
  testMatch: ['<rootDir>/{lib,src}/**/*.spec.ts'],
  testTimeout: whole.testTimeout,
};
