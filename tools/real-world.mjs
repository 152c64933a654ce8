/**
 * The functions that read the machine's time, wait for it, or draw random values. `lib` and `src` receive a Clock and a Random
 * of `lib/environment` as parameters, so that a simulation controls both; oxlint.config.mjs forbids these functions elsewhere.
 */
const time = 'Time comes from a Clock that is handed in (lib/environment).';
const chance = 'Chance comes from a Random that is handed in (lib/environment).';

const timers = ['setTimeout', 'setInterval', 'setImmediate'];
const draws = [
  'getRandomValues',
  'randomBytes',
  'randomFill',
  'randomFillSync',
  'randomInt',
  'randomUUID',
  'webcrypto',
];

export const restrictedGlobals = [
  ...[...timers, 'performance'].map((name) => ({ name, message: time })),
  { name: 'crypto', message: chance },
];

export const restrictedProperties = [
  ...[...timers, 'performance'].flatMap((property) => [
    { object: 'globalThis', property, message: time },
    { object: 'global', property, message: time },
  ]),
  { object: 'globalThis', property: 'crypto', message: chance },
  { object: 'Date', property: 'now', message: time },
  { object: 'process', property: 'hrtime', message: time },
  { object: 'process', property: 'uptime', message: time },
  { object: 'AbortSignal', property: 'timeout', message: time },
  { object: 'Math', property: 'random', message: chance },
];

export const restrictedModules = [
  ...['timers', 'timers/promises', 'perf_hooks'].flatMap((name) => [
    { name, message: time },
    { name: `node:${name}`, message: time },
  ]),
  ...['crypto', 'node:crypto'].map((name) => ({ name, importNames: ['default', ...draws], message: chance })),
];
