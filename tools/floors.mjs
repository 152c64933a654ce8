/**
 * The staircases of this repository, from top to bottom: a floor may import the floors below it, and no others. Entries
 * of one array share a floor and do not import each other. The lint rules (oxlint.config.mjs) and the picture in
 * docs/architecture.md (tools/import-graph.mjs) are made from this table.
 */
export const staircases = {
  src: [
    ['testing', 'microservices', 'opentelemetry', 'board', 'asyncapi'],
    ['module'],
    ['health'],
    ['consumers'],
    ['settlement'],
    ['registry'],
    ['publishers'],
    ['rpc', 'delay'],
    ['connection'],
    ['topology', 'serialization', 'contracts'],
    ['common'],
  ],
  'lib/client': [['connection'], ['recovery'], ['channel'], ['consuming'], ['publishing'], ['link'], ['timing']],
};

/**
 * The parts of the repository, each with the parts that it may import. A part with an `index.ts` is imported through it alone.
 */
export const parts = {
  cli: ['lib/broker', 'lib/environment', 'lib/protocol'],
  src: ['lib/client', 'lib/environment', 'lib/option-names', 'lib/shown'],
  'src/testing': ['lib/client', 'lib/environment', 'lib/option-names', 'lib/shown', 'lib/broker'],
  'lib/client': ['lib/protocol', 'lib/environment', 'lib/option-names', 'lib/shown'],
  'lib/broker': ['lib/protocol', 'lib/environment', 'lib/option-names', 'lib/shown'],
  'lib/protocol': [],
  'lib/environment': [],
  'lib/option-names': [],
  'lib/shown': [],
};

/** Circles of files that are one idea each and may import each other's types. */
export const allowedCircles = [
  ['lib/broker/queue/consumer-ring.ts', 'lib/broker/queue/consumer.ts', 'lib/broker/queue/queue.ts'],
  ['lib/broker/routing/binding.ts', 'lib/broker/routing/exchange.ts', 'lib/broker/routing/routers.ts'],
];

/** @returns the floors that `floor` must not import: all above it, and those beside it */
export function forbiddenFloors(staircase, floor) {
  const at = staircase.findIndex((names) => names.includes(floor));
  return staircase
    .slice(0, at + 1)
    .flat()
    .filter((other) => other !== floor);
}
