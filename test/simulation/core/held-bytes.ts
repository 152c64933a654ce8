import type { Connection } from '../../../lib/client/index.js';
import { heldBytes } from './internals.js';
import type { Scene } from './scene.js';

/** How often it is looked at, ms. */
const EVERY = 10;
/** What 64 KiB of the smallest deliveries come to, with their overhead; in bytes. */
const READ = 400 * 1024;
/** While somebody waits for the broker there is one more read so often, ms. */
const SIP_EVERY = 100;

/** A connection never holds more than `maxHeldBytes`, but for what one read brings and for sips. */
export function watchHeldBytes(scene: Scene, name: string, connection: Connection): void {
  const { clock, oracle, settings } = scene;
  const limit = settings.maxHeldBytes;
  if (limit === undefined) return;
  let fullSince: number | undefined;
  const look = (): void => {
    if (connection.state === 'closed') return;
    const held = heldBytes(connection);
    if (held < limit) fullSince = undefined;
    else fullSince ??= clock.now;
    const sips = fullSince === undefined ? 0 : Math.ceil((clock.now - fullSince) / SIP_EVERY);
    const bound = limit + READ * (1 + sips);
    if (held >= limit) oracle.count('as much is held as may be');
    oracle.check(held <= bound, 'bounds', () => `${name} holds ${held} bytes of deliveries; maxHeldBytes is ${limit}`);
    clock.in(EVERY, look);
  };
  look();
}
