import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { embeddedBroker, type MixedBroker } from './mixed/brokers.js';
import { KINDS } from './mixed/kinds.js';
import { mixed } from './mixed/run.js';

/** `npm run test:mixed` at a small size, on the embedded broker. See docs/reliability.md. */
describe('Messages that fail in every way, over cut connections, killed and blocked brokers', () => {
  let broker: MixedBroker;

  beforeAll(async () => {
    broker = await embeddedBroker();
  });
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
  });

  it.each([1, 10])('end as the table says, with a prefetch of %i', async (prefetch) => {
    const figures = await mixed(broker, { messages: 300, prefetch, cuts: 6, kills: 2, blocks: 2, seed: 4_711 });
    expect(figures).toMatchObject({ wrong: 0, differences: [] });
    expect(figures.confirmed).toBeGreaterThanOrEqual(300);
    // All kinds occurred, and some handlers were running when their channel was lost.
    expect(Object.values(figures.kinds).filter(({ messages }) => messages! > 0)).toHaveLength(KINDS.length);
    expect(figures.stale).toBeGreaterThan(0);
  });
});
