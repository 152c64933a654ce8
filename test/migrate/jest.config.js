/**
 * Runs the tests of the projects before or after the codemod; MIGRATE_STAGE says which. Each test file has its own embedded
 * broker at AMQP_URL. See run.mjs.
 */
import { fileURLToPath } from 'node:url';

const stage = process.env.MIGRATE_STAGE ?? 'before';
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export default {
  rootDir: here(`../../.build/migrate/${stage}`),
  testMatch: ['<rootDir>/**/*.spec.{ts,js}'],
  testPathIgnorePatterns: ['/node_modules/', '/by-hand/'],
  transform: {
    '^.+\\.ts$': [
      here('../../node_modules/@swc/jest'),
      {
        jsc: {
          target: 'es2023',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
      },
    ],
  },
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironment: 'node',
  setupFiles: [here('support/broker.mjs')],
  setupFilesAfterEnv: [here('support/after-env.mjs')],
  // Milliseconds.
  testTimeout: 30_000,
  modulePathIgnorePatterns: ['<rootDir>/.*/package.json'],
};
