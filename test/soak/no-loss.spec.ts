import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startRabbitMq, type RabbitMq } from '../support/rabbitmq.js';
import { soak } from './no-loss.js';

// Each run takes about ten seconds; a run that loses a message waits a minute for it before it fails.
jest.setTimeout(150_000);

/** The soak at a small size; `npm run test:soak` is the full one. See docs/reliability.md. */
describe('no confirmed message is lost, no unconfirmed message is reported confirmed', () => {
  const plan = { messages: 3_000, cuts: 4, kills: 1, seed: 901_803 };
  let rabbit: RabbitMq;

  beforeAll(async () => {
    rabbit = await startRabbitMq({ source: 'local' });
  });
  afterAll(() => rabbit?.stop());

  it('over cut connections and a killed broker', async () => {
    const figures = await soak(rabbit, { ...plan, republishUnconfirmed: false });
    expect(figures).toMatchObject({ cuts: 4, kills: 1, lost: 0, invented: 0 });
    expect(figures.confirmed + figures.unknown + figures.nacked).toBe(plan.messages);
    // The run had losses.
    expect(figures.losses[0]).toBeGreaterThan(0);
    expect(figures.confirmed).toBeGreaterThan(0);
  });

  it('with republishUnconfirmed every message arrives', async () => {
    const figures = await soak(rabbit, { ...plan, republishUnconfirmed: true });
    expect(figures).toMatchObject({ confirmed: plan.messages, unknown: 0, lost: 0, missing: 0, invented: 0 });
    expect(figures.losses[0]).toBeGreaterThan(0);
  });
});
