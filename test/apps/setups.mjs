/**
 * Applications like those of users. The command line tool of their Nest generates each; a row changes what users of its tool
 * change, and nothing for the sake of nest-amqp.
 *
 * - `nest`: the major version of the command line tool
 * - `common`: whether `.ci/run` includes it
 * - `install`: packages besides the generated ones
 * - `files`: written into the application, JSON or text
 * - `compilerOptions`, `jest`: merged into tsconfig.json and the `jest` of package.json
 * - `readme`: its module is that of README's quick start, and it receives README's order
 * - `generate`: arguments of `nest` after the installation; `source`: the folder of the sources afterwards
 * - `build`, `main`, `test`: commands, and the file that `build` makes
 */
const swcrc = {
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
  },
};
const vm = '--experimental-vm-modules';

export const setups = [
  { name: 'Nest 11, CommonJS, as generated', nest: 11, common: true, how: 'tsc, nodenext; Jest with ts-jest' },
  {
    name: 'Nest 11, CommonJS, an older tsconfig',
    nest: 11,
    how: 'tsc, `module: commonjs`, node10, no `esModuleInterop`; Jest with ts-jest',
    compilerOptions: {
      module: 'commonjs',
      moduleResolution: 'node10',
      resolvePackageJsonExports: undefined,
      esModuleInterop: false,
      allowSyntheticDefaultImports: false,
    },
  },
  {
    name: 'Nest 11, CommonJS, SWC',
    nest: 11,
    how: '`nest build -b swc`; Jest with @swc/jest',
    install: ['@swc/cli', '@swc/core', '@swc/jest'],
    files: { '.swcrc': { ...swcrc, module: { type: 'commonjs' } } },
    jest: { transform: { '^.+\\.(t|j)s$': '@swc/jest' } },
    build: ['nest', 'build', '-b', 'swc'],
  },
  {
    name: 'Nest 11, CommonJS, webpack',
    nest: 11,
    how: '`nest build --webpack`; Jest with ts-jest',
    build: ['nest', 'build', '--webpack'],
  },
  {
    name: 'Nest 11, CommonJS, monorepo',
    nest: 11,
    how: 'after `nest generate app`: webpack; Jest with ts-jest',
    generate: ['generate', 'app', 'second'],
    source: 'apps/app/src',
    build: ['nest', 'build', 'app'],
    main: 'dist/apps/app/main.js',
  },
  { name: 'Nest 12, ES modules, as generated', nest: 12, common: true, how: 'tsc, nodenext; Vitest' },
  {
    name: 'Nest 12, ES modules, SWC and Jest',
    nest: 12,
    how: '`nest build -b swc`; Jest in ESM mode with @swc/jest',
    install: ['@swc/cli', '@swc/core', '@swc/jest', 'jest', '@types/jest'],
    files: {
      '.swcrc': { ...swcrc, module: { type: 'es6' } },
      'jest.config.json': {
        rootDir: 'src',
        testRegex: '.*\\.spec\\.ts$',
        extensionsToTreatAsEsm: ['.ts'],
        moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
        transform: { '^.+\\.ts$': '@swc/jest' },
      },
    },
    build: ['nest', 'build', '-b', 'swc'],
    test: ['jest'],
    nodeOptions: vm,
  },
  {
    name: 'Nest 12, ES modules, Jest with ts-jest',
    nest: 12,
    how: 'tsc; Jest in ESM mode with ts-jest',
    install: ['jest', 'ts-jest', '@types/jest'],
    files: {
      'jest.config.json': {
        rootDir: 'src',
        testRegex: '.*\\.spec\\.ts$',
        extensionsToTreatAsEsm: ['.ts'],
        moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
        transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, diagnostics: false }] },
      },
    },
    test: ['jest'],
    nodeOptions: vm,
  },
  { name: "README's quick start, Nest 11", nest: 11, readme: true, how: 'the commands of README; tests as generated' },
  {
    name: "README's quick start, Nest 12",
    nest: 12,
    common: true,
    readme: true,
    how: 'the commands of README; tests as generated',
  },
];
