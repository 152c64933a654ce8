/**
 * Bundles the packages that most suites load, once for each installation: Jest reads, resolves and links every module of an
 * import anew in each suite, and Nest with RxJS is 770 files. Each package that imports one of them gets the bundle, so that
 * a class exists once in a suite.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'rolldown';

const root = join(import.meta.dirname, '../..');
const folder = join(root, '.build/test-packages');

/** What our code, the suites and the other packages of Nest import. Jest names an import that is missing here. */
const specifiers = [
  '@nestjs/common',
  '@nestjs/common/constants.js',
  '@nestjs/common/enums/route-paramtypes.enum.js',
  '@nestjs/common/interfaces/index.js',
  '@nestjs/common/internal',
  '@nestjs/common/utils/load-package.util.js',
  '@nestjs/common/utils/shared.utils.js',
  '@nestjs/core',
  '@nestjs/core/internal',
  '@nestjs/core/router/legacy-route-converter.js',
  '@nestjs/core/router/route-path-factory.js',
  '@nestjs/microservices',
  '@nestjs/microservices/context/rpc-context-creator.js',
  '@nestjs/microservices/context/rpc-proxy.js',
  '@nestjs/platform-express',
  '@nestjs/testing',
  'rxjs',
  'rxjs/operators',
];
const BUNDLED = /^(?:@nestjs\/(?:common|core|microservices|platform-express|testing)|rxjs|iterare|tslib)(?:\/|$)/;

/** Bundles unless it is done. Returns the entries for Jest's `moduleNameMapper`. */
export async function bundledPackages() {
  const hash = createHash('sha256').update(readFileSync(import.meta.filename));
  const key = hash
    .update(readFileSync(join(root, 'node_modules/.package-lock.json')))
    .digest('hex')
    .slice(0, 16);
  const bundles = join(folder, key);
  if (!existsSync(bundles)) await bundle(bundles);
  return {
    '^(@nestjs/(?:common|core|microservices|platform-express|testing)(?:/(?!package\\.json$).+)?|rxjs(?:/.+)?)$': `${bundles}/$1.mjs`,
  };
}

/** @param {string} bundles the folder to make. It is written elsewhere first: another run may do the same at this time. */
async function bundle(bundles) {
  mkdirSync(folder, { recursive: true });
  const dir = mkdtempSync(join(folder, 'new-'));
  try {
    await build({
      cwd: root,
      input: Object.fromEntries(specifiers.map((specifier) => [specifier, specifier])),
      platform: 'node',
      // RxJS names its CommonJS files for Node, whose names an ES module cannot import.
      resolve: {
        alias: {
          'rxjs/operators': join(root, 'node_modules/rxjs/dist/esm/operators/index.js'),
          rxjs: join(root, 'node_modules/rxjs/dist/esm/index.js'),
        },
      },
      external: (id) => /^[^./]/.test(id) && !BUNDLED.test(id),
      output: {
        dir,
        format: 'esm',
        // Log lines and errors of Nest contain class names.
        keepNames: true,
        entryFileNames: '[name].mjs',
        chunkFileNames: 'chunks/[name]-[hash].mjs',
      },
    });
    renameSync(dir, bundles);
  } catch (error) {
    if (!existsSync(bundles)) throw error;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
