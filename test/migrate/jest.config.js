/**
 * Runs the tests of the projects, as they are before the codemod or as they are after it: MIGRATE_STAGE says which. Each
 * test file has an embedded broker of its own at AMQP_URL. See run.mjs.
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
  // In ms.
  testTimeout: 30_000,
  modulePathIgnorePatterns: ['<rootDir>/.*/package.json'],
};
