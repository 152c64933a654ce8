/**
 * Runs the Nest suites on Nest 11 instead of 12: every import of a Nest package, also from our sources, resolves to the version
 * that is installed here.
 */
import { fileURLToPath } from 'node:url';
import nest12 from '../../jest.config.js';
import { notOnEmbedded } from '../support/not-on-embedded.js';

const rootDir = fileURLToPath(new URL('../..', import.meta.url));
const there = '<rootDir>/test/nest11/node_modules';
const onNest11 = {
  '^(@nestjs/.+|rxjs|rxjs/.+|reflect-metadata|class-validator|class-transformer|class-transformer/.+|nestjs-pino|amqplib|amqp-connection-manager)$': `${there}/$1`,
};
/** RabbitMQ runs only what the embedded broker cannot: that a suite passes on both brokers is shown with Nest 12. */
const suites = {
  unit: [
    '<rootDir>/src/**/*.spec.ts',
    '<rootDir>/test/asyncapi/{command,document,serving}.spec.ts',
    '<rootDir>/test/nest11/*.test.ts',
  ],
  rabbitmq: Object.keys(notOnEmbedded)
    .filter((path) => /^(?:nest|microservices)\//.test(path))
    .map((path) => `<rootDir>/test/${path}`),
  embedded: [
    '<rootDir>/test/{microservices,nest}/**/*.spec.ts',
    '<rootDir>/test/nest-module.spec.ts',
    '<rootDir>/test/testing/!(on-rabbitmq)*.spec.ts',
  ],
};

export default {
  ...nest12,
  rootDir,
  projects: nest12.projects
    .filter(({ displayName }) => displayName in suites)
    .map((project) => ({
      ...project,
      rootDir,
      displayName: `${project.displayName}, Nest 11`,
      testMatch: suites[project.displayName],
      moduleNameMapper: { ...onNest11, ...project.moduleNameMapper },
    })),
};
