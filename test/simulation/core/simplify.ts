import type { Step } from './steps.js';

/** The plainest values of all settings. */
export const plainSettings = {
  logger: undefined,
  maxHeldBytes: undefined,
  answersWithinWrite: undefined,
  tokens: undefined,
  nodes: 1,
  heartbeat: 10,
  rpcTimeout: 5_000,
  connectTimeout: 2_000,
  frameMax: 131_072,
  writeBufferSize: 4 * 1024 * 1024,
  maxMessageSize: 128 * 1024 * 1024,
  reconnect: { initialDelay: 100, maxDelay: 2_000 },
  duration: 3_000,
} as const;

/** Returns simpler variants of a step: with fewer, smaller or zero values. */
export function simplify(step: Step): readonly Step[] {
  const simpler: Step[] = [];
  const flat = step as unknown as Record<string, unknown>;
  const add = (change: Record<string, unknown>): void => void simpler.push({ ...flat, ...change } as unknown as Step);
  for (const [name, value] of Object.entries(flat)) {
    if (name === 'at' || name === 'kind' || name === 'conn' || name === 'ch' || name === 'slot') continue;
    for (const less of lessThan(name, value)) {
      if (less === undefined) {
        const { [name]: _, ...rest } = flat;
        simpler.push(rest as unknown as Step);
      } else add({ [name]: less });
    }
  }
  return simpler;
}

/** Returns simpler values of a property: without an optional part, with a smaller number, also inside nested values. */
function lessThan(name: string, value: unknown): unknown[] {
  if (name === 'timeout' || name === 'abortAfter') return [undefined];
  if (typeof value === 'boolean') return [undefined];
  if (name === 'count' && typeof value === 'number') return value > 1 ? [1, Math.ceil(value / 2)] : [];
  if (name === 'size' && typeof value === 'number') return value > 20 ? [20] : [];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  const nested = value as Record<string, unknown>;
  const results: unknown[] = [];
  if (name === 'settings' || name === 'what') {
    for (const key of Object.keys(nested)) {
      if (['exchange', 'key', 'count', 'size'].includes(key)) continue;
      const { [key]: _, ...rest } = nested;
      results.push(rest);
    }
  }
  for (const [key, inner] of Object.entries(nested)) {
    for (const less of lessThan(key, inner)) if (less !== undefined) results.push({ ...nested, [key]: less });
  }
  if (name === 'treatment') {
    const plain = { settle: 'ack', delay: 0, throws: 0, sync: true, gather: 2 };
    for (const [key, simplest] of Object.entries(plain)) {
      if (nested[key] !== simplest) results.push({ ...nested, [key]: simplest });
    }
  }
  return results;
}
