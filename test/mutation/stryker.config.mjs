/**
 * Mutation testing with the unit specs (npm run test:mutants): StrykerJS changes one place after the other, and a mutant
 * that no spec notices is a missing test. Results of unchanged code stay in .build/mutation.
 */
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export default {
  mutate: ['lib/client', 'lib/protocol', 'src/settlement', 'src/publishers'].map(
    (folder) => `${folder}/**/!(*.spec).ts`,
  ),
  plugins: [here('node_modules/@stryker-mutator/jest-runner/dist/src/index.js')],
  testRunner: 'jest',
  testRunnerNodeArgs: ['--experimental-vm-modules'],
  jest: { projectType: 'custom', configFile: 'test/mutation/jest.config.js', enableFindRelatedTests: false },
  coverageAnalysis: 'perTest',
  concurrency: 1,
  // StrykerJS reads a tsconfig with the JavaScript API of TypeScript, which TypeScript 7 does not have. Without a file it does
  // not load the API.
  tsconfigFile: 'there-is-none.json',
  checkers: [],
  incremental: true,
  incrementalFile: '.build/mutation/incremental.json',
  tempDirName: '.build/mutation/sandbox',
  ignorePatterns: [
    '.build',
    'bench',
    'docs',
    'sample',
    'reference',
    'dist',
    'test/apps',
    'test/migrate',
    'test/nest11',
  ],
  reporters: ['clear-text', 'html'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: '.build/mutation/report.html' },
  timeoutMS: 30_000,
  dryRunTimeoutMinutes: 30,
};
