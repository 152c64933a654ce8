import { describe, expect, it } from '@jest/globals';

// The name ends in .test.ts, so that only the run on Nest 11 includes this suite.
describe('the run on Nest 11', () => {
  it.each(['common', 'core', 'microservices', 'testing'])('has @nestjs/%s 11', async (name) => {
    const { default: manifest } = (await import(`@nestjs/${name}/package.json`)) as { default: { version: string } };
    expect(manifest.version).toMatch(/^11\./);
  });
});
