import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { PublishMessage } from '../../../lib/client/diagnostics.js';
import { Oracle } from '../engine/oracle.js';
import { Prng } from '../engine/prng.js';
import { Trace } from '../engine/trace.js';
import { VirtualClock } from '../engine/virtual-clock.js';
import type { RunOptions, RunResult, World } from '../engine/world.js';
import { simulatedRun } from '../simulated-run.js';
import {
  auditBindings,
  auditChannels,
  auditConsumers,
  auditOpen,
  auditPrefetch,
  auditRecord,
  auditRecovery,
  auditRest,
  lastCalls,
  probe,
  takeAll,
} from './audit.js';
import { Cluster } from './cluster.js';
import { Director } from './director.js';
import { generate } from './generate.js';
import { Ledger } from './ledger.js';
import { Promises } from './promises.js';
import { Scene } from './scene.js';
import { plainSettings, simplify } from './simplify.js';
import type { CoreScenario, Step } from './steps.js';

/** Duration of peace at the end of a run, ms. */
const PEACE = 90_000;
/** Time of peace until every connection must be back, ms: two heartbeats, a round of attempts and a wait. */
const RECOVERED_AFTER = 45_000;
/** Time of peace until publishes must be confirmed, ms. */
const PROBE_AFTER = 60_000;
/** Time before the end of peace, ms, for calls whose timers must be gone at the end. */
const LAST_CALLS_BEFORE = 2_000;
/** Time after the last `close()` until nothing may be left, ms. */
const AFTER_CLOSE = 13_000;

/** The core client and the embedded broker. */
export const coreWorld: World<Step> = {
  name: 'core',
  plainSettings,
  generate,
  run: (scenario, options) => run(scenario as CoreScenario, options),
  simplify,
};

async function run(scenario: CoreScenario, options: RunOptions): Promise<RunResult> {
  const { seed, settings, steps } = scenario;
  const clock = new VirtualClock();
  const trace = new Trace(() => clock.now, options.trace ?? 'end');
  const oracle = new Oracle(() => clock.now, trace, options);
  const random = new Prng(seed, 'run');
  const ledger = new Ledger(oracle, () => clock.now);
  const cluster = new Cluster(clock, random.split('cluster'), settings, oracle, ledger, trace);
  const promises = new Promises(clock, oracle, trace);
  const scene = new Scene(settings, clock, random.split('users'), oracle, ledger, promises, cluster, trace);
  const director = new Director(scene);
  cluster.onMethod = (name, connection, channel, args) => {
    scene.onMethod(name, connection, channel, args);
    director.onMethod(name, connection, channel);
  };
  cluster.onLate = (name, args) => scene.onLate(name, args);
  for (const step of steps) if (step.at < settings.duration) clock.in(step.at, () => director.carryOut(step));
  const onWritten = (message: unknown): void => ledger.onWritten(message as PublishMessage);
  subscribe('nest-amqp:publish', onWritten);

  return simulatedRun({ clock, trace, oracle, network: cluster.network }, async (phase) => {
    const { duration } = settings;
    await phase(duration, () => director.makePeace());
    // By now users hold all deliveries that they gather or treat late.
    await phase(duration + 5_000, () => director.settleAll());
    await phase(duration + RECOVERED_AFTER, () => auditRecovery(scene, director));
    await phase(duration + PROBE_AFTER, () => {
      director.settleAll();
      probe(scene, director);
    });
    await phase(duration + PEACE - LAST_CALLS_BEFORE, () => lastCalls(scene, director));
    await phase(duration + PEACE, () => {
      auditOpen(scene, director);
      auditChannels(scene, director);
      auditConsumers(scene, director);
      auditPrefetch(scene, director);
      auditRecord(scene, director);
      auditBindings(scene, director);
      for (const connection of director.allConnections) if (!connection.ended) connection.close(undefined);
    });
    await phase(duration + PEACE + AFTER_CLOSE, () => auditRest(scene, director));
    let found: ReadonlyMap<string, number> | undefined;
    if (!oracle.violation) {
      takeAll(scene).then(
        (messages) => (found = messages),
        (error: unknown) => oracle.fail('lost', `the safe queues cannot be read: ${String(error)}`),
      );
    }
    await phase(duration + PEACE + AFTER_CLOSE + 60_000, () => {
      if (found) ledger.audit(found);
      else oracle.fail('lost', 'the safe queues could not be read in time');
    });
  }).finally(() => unsubscribe('nest-amqp:publish', onWritten));
}
