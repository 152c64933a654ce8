import { describe, UserError } from './core/promises.js';
import type { Network } from './engine/network.js';
import type { Oracle } from './engine/oracle.js';
import type { Trace } from './engine/trace.js';
import { setTraps } from './engine/traps.js';
import type { VirtualClock } from './engine/virtual-clock.js';
import type { RunResult } from './engine/world.js';

/** The parts that every world has. */
export interface Ground {
  readonly clock: VirtualClock;
  readonly trace: Trace;
  readonly oracle: Oracle;
  readonly network: Network;
}

/** Advances the time to `time`, ms, then calls `then`, unless the run has failed. */
export type Phase = (time: number, then: () => void) => Promise<void>;

/**
 * Carries out a run, from its first event to its result. An uncaught error, a warning or a use of real time is a failure. The
 * run leaves nothing behind.
 *
 * @param work the phases of the world
 * @param watched other files that must not use the real time either
 */
export async function simulatedRun(
  { clock, trace, oracle, network }: Ground,
  work: (phase: Phase) => Promise<void>,
  watched?: RegExp,
): Promise<RunResult> {
  const onThrown = (error: unknown): void => {
    if (error instanceof UserError) oracle.count('thrown by the user');
    else oracle.fail('unhandled', `unhandled: ${describe(error)}\n${(error as Error | undefined)?.stack ?? ''}`);
  };
  const onWarning = (warning: Error): void => oracle.fail('unhandled', `warning: ${warning.name}: ${warning.message}`);
  clock.onMisuse = (what) => oracle.fail('time', what);
  clock.onThrown = onThrown;
  process.on('unhandledRejection', onThrown);
  process.on('uncaughtException', onThrown);
  process.on('warning', onWarning);
  const freeTraps = setTraps((what) => oracle.fail('nondeterminism', what), watched);
  try {
    await work(async (time, then) => {
      await new Promise<void>((resolve) => {
        clock.run(time, () => oracle.violation !== undefined, (error) => {
          if (error) onThrown(error);
          resolve();
        }); // prettier-ignore
      });
      if (!oracle.violation) then();
    });
  } finally {
    freeTraps();
    process.off('unhandledRejection', onThrown);
    process.off('uncaughtException', onThrown);
    process.off('warning', onWarning);
    clock.clear();
    for (const { client, broker } of network.wires) {
      client.removeAllListeners();
      broker.removeAllListeners();
    }
  }
  oracle.count('clock events', clock.events);
  const { violation, counts } = oracle;
  return { violation, hash: trace.hash, lines: trace.lines, virtualTime: clock.now, counts };
}
