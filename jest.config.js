import { notOnEmbedded } from './test/support/not-on-embedded.js';

/**
 * Three projects: unit specs beside their source need nothing; those in test/ share one RabbitMQ of this run; and those
 * that say nothing of RabbitMQ's own faults run once more, on the embedded broker in its place.
 */
const shared = {
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
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
  moduleNameMapper: {
    '^nest-amqp$': '<rootDir>/src/index.ts',
    '^nest-amqp/microservices$': '<rootDir>/src/microservices/index.ts',
    '^nest-amqp/client$': '<rootDir>/lib/client/index.ts',
    '^nest-amqp/broker$': '<rootDir>/lib/broker/index.ts',
    '^nest-amqp/testing$': '<rootDir>/src/testing/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  testEnvironment: 'node',
  // Copies of test/migrate/projects, whose package.json have the same names.
  modulePathIgnorePatterns: ['<rootDir>/.build/migrate'],
};

export default {
  // Jest takes it here only, not in a project. In ms: brokers that start on a busy machine take their time.
  testTimeout: 180_000,
  // Jest does not give back the memory of ES modules. In processes of their own, which are replaced when they have grown,
  // all suites fit; in the main process, where Jest runs them when there are few cores, they came to 3.4 GB.
  maxWorkers: '100%',
  workerIdleMemoryLimit: '1GB',
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/{lib,src,cli}/**/*.spec.ts', '<rootDir>/test/{cluster,simulation}/*.spec.ts'],
    },
    {
      ...shared,
      displayName: 'rabbitmq',
      testMatch: ['<rootDir>/test/**/*.spec.ts'],
      // Needs no RabbitMQ: project `embedded`.
      testPathIgnorePatterns: ['embedded-broker', 'testing/(?!on-rabbitmq)', 'cluster', 'simulation', 'migrate'].map(
        (path) => `<rootDir>/test/${path}`,
      ),
      globalSetup: '<rootDir>/test/support/global-setup.ts',
      globalTeardown: '<rootDir>/test/support/global-teardown.ts',
    },
    {
      ...shared,
      displayName: 'embedded',
      testMatch: [
        '<rootDir>/test/{client,conformance,microservices,nest}/**/*.spec.ts',
        '<rootDir>/test/nest-module.spec.ts',
        '<rootDir>/test/embedded-broker*.spec.ts',
        '<rootDir>/test/testing/!(on-rabbitmq)*.spec.ts',
      ],
      testPathIgnorePatterns: Object.keys(notOnEmbedded).map((path) => `<rootDir>/test/${path}`),
      globals: { brokerOfThisProject: 'embedded' },
      globalSetup: '<rootDir>/test/support/embedded-setup.ts',
      globalTeardown: '<rootDir>/test/support/embedded-teardown.ts',
    },
  ],
};
