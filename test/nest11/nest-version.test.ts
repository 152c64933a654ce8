import { describe, expect, it } from '@jest/globals';

// Named .test.ts, so that only the run on Nest 11 takes it for one of its suites.
describe('the run on Nest 11', () => {
  it.each(['common', 'core', 'microservices', 'testing'])('has @nestjs/%s 11', async (name) => {
    const { default: manifest } = (await import(`@nestjs/${name}/package.json`)) as { default: { version: string } };
    expect(manifest.version).toMatch(/^11\./);
  });
});
