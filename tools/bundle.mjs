/**
 * Bundles the output of tsc, once as ES modules and once as CommonJS: one file per entry point, and chunks for code that several
 * entry points share, so that a class is the same whichever entry point exports it. Without bundles Node reads and links a
 * file per module, and an import of the client took twice the time. Packages of others stay imports. Which of the two formats
 * a program gets: docs/decisions/023-two-formats-one-copy.md.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { build } from 'rolldown';
import { entries } from './entries.mjs';

const COMPILED = './.build/package';
const BUNDLED = 'dist';
const inputs = Object.fromEntries(
  Object.entries(entries).map(([entry, module]) => [entry, `${COMPILED}/${module}.js`]),
);

const PAGE = 'src/board/page';

/** Puts the files of the board's page into the bundle, in place of the module that reads them. */
const boardPage = {
  name: 'board-page',
  load(id) {
    if (!id.endsWith('/board/page/files.js')) return undefined;
    const names = readdirSync(PAGE).filter((name) => !name.endsWith('.ts'));
    const files = Object.fromEntries(names.map((name) => [name, readFileSync(`${PAGE}/${name}`, 'utf8')]));
    return `export const files = ${JSON.stringify(files)};`;
  },
};

async function bundle(format, extension, input) {
  await build({
    input,
    platform: 'node',
    plugins: [boardPage],
    // Packages of others are external; our own modules are named by path.
    external: /^[^./]/,
    output: {
      dir: BUNDLED,
      format,
      // A map would name files that are not in the package; the bundles are readable, with comments.
      sourcemap: false,
      // Log lines contain class names.
      keepNames: true,
      entryFileNames: `[name].${extension}`,
      chunkFileNames: `chunks/[name]-[hash].${extension}`,
    },
  });
}

rmSync(BUNDLED, { recursive: true, force: true });
await bundle('esm', 'mjs', { ...inputs, cli: `${COMPILED}/cli/main.js` });
// The Angular DevKit loads schematics with require().
await bundle('cjs', 'cjs', { ...inputs, schematics: `${COMPILED}/cli/schematics/index.js` });
