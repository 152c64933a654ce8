/**
 * What it costs to find the handler of a message among 100 patterns: `npm run bench:dispatch`. Builds nothing; it runs what
 * `npm run build` has compiled. The clock is read around 200,000 searches, and the least of the rounds counts, since every
 * disturbance only adds.
 */
import { PatternTable } from '../../.build/package/src/consumers/dispatch/pattern-table.js';

const PATTERNS = 100;
const SEARCHES = 200_000;
const ROUNDS = 20;
/** ns for one search. */
const LIMIT = 200;

const regions = ['eu', 'us', 'asia', 'africa', 'oceania'];
const events = ['created', 'paid', 'packed', 'sent', 'returned'];
const of = (patterns) => new PatternTable(new Map(patterns.map((pattern, index) => [pattern, index])));
const numbers = Array.from({ length: PATTERNS }, (_, index) => index);
const word = (list, index) => list[index % list.length];

const cases = [
  {
    name: 'exact keys',
    table: of(numbers.map((n) => `order${n}.${word(events, n)}`)),
    keys: numbers.map((n) => `order${n}.${word(events, n)}`),
  },
  {
    name: 'patterns with *',
    table: of(numbers.map((n) => `order${n}.*.${word(events, n)}`)),
    keys: numbers.map((n) => `order${n}.${word(regions, n)}.${word(events, n)}`),
  },
  {
    name: 'patterns with #',
    table: of(numbers.map((n) => `order${n}.${word(regions, n)}.#`)),
    keys: numbers.map((n) => `order${n}.${word(regions, n)}.${word(events, n)}`),
  },
  {
    name: 'half exact, a fourth *, a fourth #, and one # for the rest',
    table: of([
      ...numbers.slice(0, 50).map((n) => `order${n}.${word(events, n)}`),
      ...numbers.slice(50, 75).map((n) => `order${n}.*.${word(events, n)}`),
      ...numbers.slice(75, 99).map((n) => `order${n}.#`),
      '#',
    ]),
    keys: [
      ...numbers.slice(0, 50).map((n) => `order${n}.${word(events, n)}`),
      ...numbers.slice(50, 75).map((n) => `order${n}.${word(regions, n)}.${word(events, n)}`),
      ...numbers.slice(75).map((n) => `order${n}.${word(regions, n)}.${word(events, n)}`),
    ],
  },
];

let found = 0;
function nsPerSearch({ table, keys }) {
  const start = process.hrtime.bigint();
  for (let index = 0; index < SEARCHES; index++) if (table.find(keys[index % keys.length]) !== undefined) found++;
  return Number(process.hrtime.bigint() - start) / SEARCHES;
}

let slow = false;
for (const one of cases) {
  const rounds = Array.from({ length: ROUNDS }, () => nsPerSearch(one));
  const least = Math.min(...rounds);
  slow ||= least > LIMIT;
  console.log(`${one.name}: ${least.toFixed(0)} ns (most ${Math.max(...rounds).toFixed(0)})`);
}
if (found !== cases.length * ROUNDS * SEARCHES) throw new Error('a key was not found');
console.log(slow ? `slower than the limit of ${LIMIT} ns` : `within the limit of ${LIMIT} ns`);
process.exitCode = slow ? 1 : 0;
