import { EmbeddedBroker, type BrokerOptions } from '../../lib/broker/index.js';
import type { Oracle } from './engine/oracle.js';
import type { Prng } from './engine/prng.js';
import type { Trace } from './engine/trace.js';
import type { OwnedClock, VirtualClock } from './engine/virtual-clock.js';

/** Creates the broker of a world, with its clock and randomness. Logs into the trace. An internal error is a failure. */
export function simulatedBroker(
  clock: VirtualClock,
  random: Prng,
  oracle: Oracle,
  trace: Trace,
  own: OwnedClock = clock.for('broker'),
  users: BrokerOptions['users'] = { guest: 'guest' },
): EmbeddedBroker {
  return EmbeddedBroker.create({
    clock: own,
    random: random.split('broker'),
    journalSize: 0,
    heartbeat: 60,
    users,
    log: (line) => {
      trace.add('broker', line);
      oracle.check(!line.includes('internal error'), 'broker', () => line);
    },
  });
}
