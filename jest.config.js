import { availableParallelism } from 'node:os';
import { notOnEmbedded } from './test/support/not-on-embedded.js';
import { bundledPackages } from './test/support/test-packages.js';

/**
 * Three projects: unit specs beside their source need no broker; the specs in test/ share one RabbitMQ of the run; and those
 * that do not depend on faults of RabbitMQ run once more on the embedded broker.
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
    '^nest-amqp/opentelemetry$': '<rootDir>/src/opentelemetry/index.ts',
    '^nest-amqp/board$': '<rootDir>/src/board/index.ts',
    '^nest-amqp/asyncapi$': '<rootDir>/src/asyncapi/index.ts',
    '^sample-09-agreements$': '<rootDir>/sample/09-contracts/agreements/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
    ...(await bundledPackages()),
  },
  testEnvironment: 'node',
  // Copies of test/migrate/projects, whose package.json have the same names.
  modulePathIgnorePatterns: ['<rootDir>/.build/migrate'],
};

export default {
  // Jest reads this option here only, not in a project. Milliseconds: brokers start slowly on a busy machine.
  testTimeout: 180_000,
  // Jest does not free the memory of ES modules. Worker processes, which are replaced when they have grown, keep it bounded; in
  // the main process, where Jest runs suites on machines with few cores, all suites took 3.4 GB. Two workers share a core, since
  // most suites wait for a broker most of the time.
  maxWorkers: 2 * availableParallelism(),
  workerIdleMemoryLimit: '1GB',
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/{lib,src,cli}/**/*.spec.ts', '<rootDir>/test/{asyncapi,cluster,simulation}/*.spec.ts'],
    },
    {
      ...shared,
      displayName: 'rabbitmq',
      testMatch: ['<rootDir>/test/**/*.spec.ts'],
      // Specs of the project `embedded`, which needs no RabbitMQ.
      testPathIgnorePatterns: [
        'embedded-broker',
        'testing/(?!on-rabbitmq)',
        'asyncapi',
        'cluster',
        'simulation',
        'migrate',
      ].map((path) => `<rootDir>/test/${path}`),
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
