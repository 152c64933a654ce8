/**
 * Bundles what tsc has compiled, once as ES modules and once as CommonJS: one file for each entry point, and chunks for
 * what several of them share, so that a class is one and the same whichever entry point it comes from. Node reads and
 * links a file for each module otherwise, and importing the client took twice the time. What others publish stays an
 * import. Which of the two a program gets: docs/decisions/023-two-formats-one-copy.md.
 */
import { rmSync } from 'node:fs';
import { build } from 'rolldown';
import { entries } from './entries.mjs';

const COMPILED = './.build/package';
const BUNDLED = 'dist';
const inputs = Object.fromEntries(
  Object.entries(entries).map(([entry, module]) => [entry, `${COMPILED}/${module}.js`]),
);

async function bundle(format, extension, input) {
  await build({
    input,
    platform: 'node',
    // What others publish; a module of our own is named by its path.
    external: /^[^./]/,
    output: {
      dir: BUNDLED,
      format,
      sourcemap: true,
      // Log lines name classes.
      keepNames: true,
      entryFileNames: `[name].${extension}`,
      chunkFileNames: `chunks/[name]-[hash].${extension}`,
    },
  });
}

rmSync(BUNDLED, { recursive: true, force: true });
await bundle('esm', 'mjs', { ...inputs, cli: `${COMPILED}/cli/main.js` });
// The Angular DevKit requires schematics.
await bundle('cjs', 'cjs', { ...inputs, schematics: `${COMPILED}/cli/schematics/index.js` });
