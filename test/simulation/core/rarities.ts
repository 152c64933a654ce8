import type { Prng } from '../engine/prng.js';
import { READY, Scenery, weatherAgain } from './situations.js';
import type { CoreSettings, Step } from './steps.js';

/** A situation that needs special settings or much time. Few seeds have one, and none has two. */
type Rarity = (scene: Scenery) => Partial<CoreSettings>;

/** The number of a channel that no other situation uses. */
const CHANNEL = 6;

const RARITIES: Readonly<Record<string, Rarity>> = {
  /** A handler without acknowledgement takes its time, and the broker goes on delivering. */
  heldTooMuch: (scene) => {
    // A separate queue: a consumer with acknowledgements would give back thousands of deliveries at each loss.
    const queue = 'held0';
    scene.channel().on(24, { kind: 'declareQueue', queue });
    scene.consume({ noAck: true, concurrency: 1 }, { sync: false, delay: 1_500, asyncFirst: true }, queue);
    for (let time = 0; time < 120; time += 2) scene.at(READY + time, { kind: 'putIn', queue, count: 60 });
    return { maxHeldBytes: scene.random.pick([30_000, 100_000]) };
  },
  /** The connection is back before a leader is elected, and publishes go on. */
  leaderLost: (scene) => {
    const again = scene.random.chance(0.5) ? { republishUnconfirmed: true } : {};
    scene.channel({ confirm: true, ...again }).publish(READY);
    scene.at(READY + 10, { kind: 'loseLeader', ms: scene.random.pick([50, 200, 500]) });
    scene.at(READY + 10, { kind: 'reset', conn: 0 });
    for (let time = 0; time < 12_000; time += 300) scene.publish(READY + 20 + time);
    return {};
  },
};

interface Drawn {
  readonly settings: Partial<CoreSettings>;
  readonly steps: readonly Step[];
}

/** Draws a rarity for one seed in twelve. @param steps the other steps of the seed */
export function drawRarity(random: Prng, steps: readonly Step[], duration: number): Drawn {
  if (!random.chance(1 / 12)) return { settings: {}, steps: [] };
  const at = 60 + random.int(0, duration / 4);
  const scene = new Scenery(random.split('scene'), at, 0, CHANNEL);
  const settings = RARITIES[random.pick(Object.keys(RARITIES))]!(scene);
  return { settings, steps: [...scene.steps, weatherAgain(steps, at)] };
}
