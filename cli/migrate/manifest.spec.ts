import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { OLDEST_NEST, oldNest } from './manifest.js';

const manifest = (dependencies: object, devDependencies: object = {}): string =>
  JSON.stringify({ name: 'shop', dependencies, devDependencies }, undefined, 2);

describe('oldNest', () => {
  it('knows the versions that the package needs', () => {
    const { peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      peerDependencies: Record<string, string>;
    };
    for (const name of ['common', 'core', 'microservices']) {
      expect(peerDependencies[`@nestjs/${name}`]).toMatch(new RegExp(`^\\^${OLDEST_NEST}\\.`));
    }
  });

  it('names each package of Nest that is too old, with its line', () => {
    expect(oldNest(manifest({ '@nestjs/common': '^9.0.0', rxjs: '^7.0.0' }, { '@nestjs/core': '10.4.1' }))).toEqual([
      { line: 4, text: '@nestjs/common ^9.0.0 is too old for nest-amqp: upgrade Nest to 11 or later' },
      { line: 8, text: '@nestjs/core 10.4.1 is too old for nest-amqp: upgrade Nest to 11 or later' },
    ]);
  });

  it.each(['^11.0.1', '~12.0.0', '>=11', '*', 'latest', 'workspace:^'])(
    'takes %s for new enough or unknown',
    (version) => {
      expect(oldNest(manifest({ '@nestjs/common': version }))).toEqual([]);
    },
  );
});
