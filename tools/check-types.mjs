/**
 * Compiles the programs of `test/package/types` against an installed package, with the compilers and settings of applications,
 * and with `skipLibCheck` off. Errors in the declarations of other packages are ignored.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The compilers by alias, see `compilers`. */
const COMPILERS = { oldest: 'typescript@5.4', six: 'typescript@6', seven: 'typescript@7' };

/** The settings of applications of each Nest version; `type` is that of their package.json. */
const SETTINGS = {
  12: [
    { compiler: 'seven', module: 'nodenext', exactOptionalPropertyTypes: true },
    { compiler: 'oldest', module: 'node16' },
    { compiler: 'six', module: 'nodenext', type: 'commonjs' },
    { compiler: 'seven', module: 'esnext', moduleResolution: 'bundler' },
  ],
  11: [
    {
      compiler: 'oldest',
      target: 'es2021',
      module: 'commonjs',
      moduleResolution: 'node10',
      type: 'commonjs',
      esModuleInterop: false,
    },
    { compiler: 'seven', module: 'nodenext', type: 'commonjs', exactOptionalPropertyTypes: true },
  ],
};

/** @returns a folder with the compilers */
export function installCompilers(folder, npm) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  npm(folder, ...Object.entries(COMPILERS).map(([alias, source]) => `${alias}@npm:${source}`));
  return folder;
}

/**
 * @param folder where the package and this version of Nest are installed
 * @param program `main` and `contracts`, compiled in all settings, or `transport`, in the first
 * @returns one line per setting that was compiled
 * @throws Error with the compiler's output
 */
export function checkTypes({ compilers, folder, nest, program }) {
  const settings = program === 'transport' ? SETTINGS[nest].slice(0, 1) : SETTINGS[nest];
  return settings.map(({ compiler, type = 'module', ...options }) => {
    const name = Object.values({ compiler: COMPILERS[compiler], type, ...options }).join(', ');
    const place = join(folder, `types-${compiler}-${type}-${options.module}-${program}`);
    mkdirSync(place, { recursive: true });
    copyFileSync(join('test/package/types', `${program}.ts`), join(place, 'main.ts'));
    writeFileSync(join(place, 'package.json'), JSON.stringify({ private: true, type }));
    const compilerOptions = {
      target: 'es2022',
      strict: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      esModuleInterop: true,
      types: ['node'],
      noEmit: true,
      ...options,
      skipLibCheck: false,
    };
    writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }));
    const output = compile(resolve(compilers, 'node_modules', compiler, 'bin/tsc'), place);
    const ours = output.split('\n').filter((line) => /^(main\.ts|tsconfig\.json|error)|nest-amqp\/dist\//.test(line));
    if (ours.length > 0) throw new Error(`Nest ${nest}, ${program}.ts, ${name}:\n${ours.join('\n')}`);
    return `types of ${program}.ts: Nest ${nest}, ${name}`;
  });
}

function compile(tsc, cwd) {
  try {
    return execFileSync(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd, encoding: 'utf8' });
  } catch (error) {
    if (!error.stdout) throw error;
    return error.stdout;
  }
}
