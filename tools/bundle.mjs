/**
 * Bundles what tsc has compiled: one file for each entry point of package.json, and chunks for what several of them
 * share, so that a class is one and the same whichever entry point it comes from. Node reads and links a file for each
 * module otherwise, and importing the client took twice the time. What others publish stays an import.
 */
import { readFileSync } from 'node:fs';
import { build } from 'rolldown';

const COMPILED = './.build/package/';
const BUNDLED = 'dist/';

const { exports, bin } = JSON.parse(readFileSync('package.json', 'utf8'));
const files = [...Object.values(exports).map((entry) => entry.default), ...Object.values(bin)];
const entries = files.flatMap((file) => (file?.startsWith(`./${BUNDLED}`) ? [file.slice(`./${BUNDLED}`.length)] : []));

await build({
  input: Object.fromEntries(entries.map((entry) => [entry.replace(/\.js$/, ''), COMPILED + entry])),
  platform: 'node',
  // What others publish; a module of our own is named by its path.
  external: /^[^./]/,
  output: {
    dir: BUNDLED,
    format: 'esm',
    sourcemap: true,
    // Errors and log lines name classes.
    keepNames: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
  },
});
