import type { Connection } from '../../../lib/client/index.js';
import { heldBytes } from './internals.js';
import type { Scene } from './scene.js';

/** The time between two checks, ms. */
const EVERY = 10;
/** The size in memory of 64 KiB of the smallest deliveries, with their overhead; in bytes. */
const READ = 400 * 1024;
/** The time between two reads while a call waits for the broker, ms. */
const SIP_EVERY = 100;

/** Checks that a connection never holds more than `maxHeldBytes`, except for one read and for reads during calls. */
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
