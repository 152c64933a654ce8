import { forbiddenFloors, parts, staircases } from './tools/floors.mjs';
import { restrictedGlobals, restrictedModules, restrictedProperties } from './tools/real-world.mjs';

const SPECS = ['**/*.spec.ts', '**/*.arbitraries.ts', '**/*.fixture.ts'];

/** Imports that no file of a folder may have, as glob patterns of specifiers. */
const rules = {
  /** Another part is imported through its `index.ts`; `lib/protocol` is a collection of codecs and has none. */
  parts(part) {
    const others = Object.keys(parts).filter((other) => other.startsWith('lib/') && other !== part);
    return others.map((other) => {
      const name = other.slice('lib/'.length);
      const group = [`**/lib/${name}/**`, `**/../${name}/**`, `**/${name}/index.js`];
      if (!parts[part].includes(other)) return { group, message: `${part} must not know ${other}.` };
      if (other === 'lib/protocol') return undefined;
      return { group: [...group, `!**/${name}/index.js`], message: `${other} is imported through its index.ts alone.` };
    });
  },
  /** A floor imports the floors below it. */
  floor(part, floor) {
    return forbiddenFloors(staircases[part], floor).map((other) => ({
      group: [`../${other}/**`, `../../${other}/**`, `../../../${other}/**`],
      message: `${part}/${floor} must not import ${part}/${other}: imports run down the staircase (tools/floors.mjs).`,
    }));
  },
  core: [
    { group: ['**/src/**', 'nest-amqp', 'nest-amqp/*'], message: 'lib/ is the core: it must not know src/.' },
    {
      group: ['@nestjs/*', 'rxjs', 'rxjs/*', 'reflect-metadata'],
      message: 'The core has no Nest, no rxjs, no dependency.',
    },
  ],
  noIo: { group: ['node:net', 'node:tls', 'node:fs', 'node:dns'], message: 'protocol/ does no I/O.' },
  microservices: {
    group: ['@nestjs/microservices'],
    message: 'An optional peer: only nest-amqp/microservices may import it.',
  },
  opentelemetry: {
    group: ['@opentelemetry/*'],
    message: 'Optional peers: only nest-amqp/opentelemetry may import them.',
  },
  testing: { group: ['@nestjs/testing'], message: 'An optional peer: only nest-amqp/testing may import it.' },
};

/** The part that reads the machine's time and random source. */
const REAL = 'lib/environment';

function restricted(files, patterns) {
  const known = patterns.filter((pattern) => pattern !== undefined);
  const paths = files[0].startsWith(`${REAL}/`) ? [] : restrictedModules;
  return { files, excludeFiles: SPECS, rules: { 'no-restricted-imports': ['error', { paths, patterns: known }] } };
}

const coreParts = Object.keys(parts).filter((part) => part.startsWith('lib/'));

const importRules = [
  restricted(
    ['cli/**/*.ts'],
    [
      ...rules.parts('cli'),
      {
        group: [
          '**/src/**',
          '!**/src/asyncapi/command-line.js',
          '!**/src/board/command-line.js',
          'nest-amqp',
          'nest-amqp/*',
        ],
        message: 'cli/ is a tool beside the package: of src/ it knows the files command-line.ts alone.',
      },
    ],
  ),
  ...coreParts.map((part) =>
    restricted(
      [`${part}/**/*.ts`],
      [...rules.core, ...rules.parts(part), part === 'lib/protocol' ? rules.noIo : undefined],
    ),
  ),
  ...staircases['lib/client']
    .flat()
    .map((floor) =>
      restricted(
        [`lib/client/${floor}/**/*.ts`],
        [...rules.core, ...rules.parts('lib/client'), ...rules.floor('lib/client', floor)],
      ),
    ),
  ...staircases.src
    .flat()
    .map((floor) =>
      restricted(
        [`src/${floor}/**/*.ts`],
        [
          ...rules.parts(floor === 'testing' ? 'src/testing' : 'src'),
          ...rules.floor('src', floor),
          floor === 'microservices' ? undefined : rules.microservices,
          floor === 'testing' ? undefined : rules.testing,
          floor === 'opentelemetry' ? undefined : rules.opentelemetry,
        ],
      ),
    ),
];

export default {
  plugins: ['typescript', 'import', 'promise', 'node', 'unicorn', 'oxc', 'jest'],
  jsPlugins: ['./tools/no-current-date.mjs'],
  options: { typeAware: true },
  categories: { correctness: 'error', suspicious: 'warn', perf: 'warn' },
  // The projects of test/migrate are written in the style of their users.
  ignorePatterns: ['dist', '.build', '**/dist', 'coverage', 'test/migrate/projects'],
  rules: {
    'typescript/no-explicit-any': 'error',
    'typescript/ban-ts-comment': 'error',
    'import/no-cycle': ['error', { ignoreTypes: false }],

    // Rules that are off, each with its reason.

    // In Nest's layer decorators need the value of a class that looks like a type; `lib` has it on, below.
    'typescript/consistent-type-imports': 'off',
    // Attempts, frames of a protocol and steps of a test run in sequence on purpose.
    'no-await-in-loop': 'off',
    // Nest's own protected members have such names: `_status$`.
    'no-underscore-dangle': 'off',
    // A Nest module is an empty class with a decorator.
    'typescript/no-extraneous-class': 'off',
    // `import 'reflect-metadata'` is how that package is used.
    'import/no-unassigned-import': 'off',
    // A helper of a single test or closure stands beside it.
    'unicorn/consistent-function-scoping': 'off',
    // A set is copied before a loop that removes entries from it.
    'unicorn/no-useless-spread': 'off',
    // Tests make thenables to check that they are awaited.
    'unicorn/no-thenable': 'off',
    // `new Array(n)` reserves the ring of unconfirmed publishes; `Array.from` would fill it.
    'unicorn/no-new-array': 'off',
    // A spread inside map() builds small objects of settings, not one object per message.
    'oxc/no-map-spread': 'off',
    // `name`, `error` and `options` are good names in nested functions, too.
    'eslint/no-shadow': 'off',
    // A then() for its effect has nothing to return.
    'promise/always-return': 'off',
    // toSorted() and toReversed() are not in ES2023's library on all supported targets; these sort arrays of their own.
    'unicorn/no-array-sort': 'off',
    'unicorn/no-array-reverse': 'off',
    // `jest`, `fc` and `net` are namespaces: `fc.property` is how they are read.
    'import/no-named-as-default-member': 'off',
    // A long sentence is split at the end of a line.
    'no-useless-concat': 'off',
    // Harnesses assert in their own methods, which these rules do not recognize.
    'jest/expect-expect': 'off',
    'jest/no-conditional-expect': 'off',
    'jest/no-standalone-expect': 'off',
    // An event changes the condition while the loop awaits.
    'no-unmodified-loop-condition': 'off',
    // Such expressions look for control characters of the wire.
    'no-control-regex': 'off',

    // Rules with type information that are off.

    // Frames, metadata and Nest's untyped values are narrowed by an assertion after a check.
    'typescript/no-unsafe-type-assertion': 'off',
    // Such an assertion or argument informs the reader; removing it changed what TypeScript infers.
    'typescript/no-unnecessary-type-assertion': 'off',
    'typescript/no-unnecessary-type-arguments': 'off',
    'typescript/no-unnecessary-type-conversion': 'off',
    'typescript/no-unnecessary-template-expression': 'off',
    // Nest's signatures have them, `send<TResult, TInput>`, and so have those that override them.
    'typescript/no-unnecessary-type-parameters': 'off',
    'typescript/no-generated-empty-object-type': 'off',
    // Decorators and spies take methods as values, and call them with the right `this`.
    'typescript/unbound-method': 'off',
    // Values of field tables are shown unchanged, whatever their type; scripts in .mjs have no types.
    'typescript/no-base-to-string': 'off',
    'typescript/restrict-template-expressions': 'off',
    'typescript/no-implied-eval': 'off',
    // Names and ids are sorted as text, which is what sort() does.
    'typescript/require-array-sort-compare': 'off',
    // A switch over every kind returns in each; the compiler sees that it is exhaustive.
    'typescript/consistent-return': 'off',
    // An error is copied field by field into a reply, and text is taken apart by its code points, on purpose.
    'typescript/no-misused-spread': 'off',
  },
  overrides: [
    {
      files: ['lib/**/*.ts', 'src/**/*.ts'],
      rules: { 'typescript/no-floating-promises': 'error', 'typescript/no-misused-promises': 'error' },
    },
    { files: ['lib/**/*.ts'], rules: { 'typescript/consistent-type-imports': 'error' } },
    ...importRules,
    {
      files: ['lib/**/*.ts', 'src/**/*.ts'],
      excludeFiles: [...SPECS, `${REAL}/**`],
      rules: {
        'no-restricted-globals': ['error', ...restrictedGlobals],
        'no-restricted-properties': ['error', ...restrictedProperties],
        'environment/no-current-date': 'error',
      },
    },
    {
      // Each group is one idea, see `allowedCircles` in tools/floors.mjs, which `npm run docs` compares with the imports.
      files: ['lib/broker/{queue,routing}/{queue,consumer,consumer-ring,binding,exchange,routers}.ts'],
      rules: { 'import/no-cycle': 'off' },
    },
  ],
};
