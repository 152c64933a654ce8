import 'reflect-metadata';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Promises } from '../core/promises.js';
import { Oracle } from '../engine/oracle.js';
import { Prng } from '../engine/prng.js';
import { Trace } from '../engine/trace.js';
import { VirtualClock } from '../engine/virtual-clock.js';
import type { RunOptions, RunResult, World } from '../engine/world.js';
import { simulatedRun, type Phase } from '../simulated-run.js';
import { auditPeace, auditRest, takeAll } from './audit.js';
import { Director } from './director.js';
import { generate } from './generate.js';
import { Ledger } from './ledger.js';
import { Scene } from './scene.js';
import { plainSettings, simplify } from './simplify.js';
import { Site } from './site.js';
import type { NestScenario, Step } from './steps.js';
import { NoTransport } from './user-app.js';

/**
 * Times of peace, ms: applications that failed to start are started again; an event must reach a service; parked messages are
 * redriven; peace ends.
 */
const PEACE = { again: [20_000, 50_000], probe: 80_000, redrive: 90_000, over: 120_000 } as const;
/** Time after the last close until nothing may be left, ms. */
const AFTER_CLOSE = 45_000;

/**
 * Nest and rxjs must not use the real time either. Two files are exempt: Nest measures the time for making providers and module
 * names and only logs it, and its module names are random but have no effect.
 */
const NEST = /node_modules\/(?:@nestjs|rxjs)\/(?!core\/injector\/(?:injector|opaque-key-factory))/;

/** Nest applications and the microservice transport, on the embedded broker. */
export const nestWorld: World<Step> = {
  name: 'nest',
  plainSettings,
  generate,
  run: (scenario, options) => run(scenario as NestScenario, options),
  simplify,
};

@Module({})
class Empty {}

let loaded: Promise<void> | undefined;

/**
 * Nest imports its package of microservices with the first microservice. That takes turns of the real event loop, so it must
 * not happen within a run.
 */
function loadNest(): Promise<void> {
  return (loaded ??= (async () => {
    const app = await NestFactory.createMicroservice(Empty, { strategy: new NoTransport(), logger: false });
    await app.close();
  })());
}

async function run({ seed, settings, steps }: NestScenario, options: RunOptions): Promise<RunResult> {
  await loadNest();
  const clock = new VirtualClock();
  const trace = new Trace(() => clock.now, options.trace ?? 'end');
  const oracle = new Oracle(() => clock.now, trace, options);
  const random = new Prng(seed, 'run');
  const ledger = new Ledger(settings, oracle, () => clock.now);
  const site = new Site(clock, random.split('site'), settings, oracle, ledger, trace);
  const promises = new Promises(clock, oracle, trace);
  const scene = new Scene(settings, clock, random.split('users'), oracle, trace, ledger, promises, site);
  const director = new Director(scene);
  director.prepare();
  for (const step of steps) if (step.at < settings.duration) clock.in(step.at, () => director.carryOut(step));

  const work = async (phase: Phase): Promise<void> => {
    const { duration } = settings;
    let found: Map<string, Map<number, number>> | undefined;
    await phase(duration, () => director.makePeace());
    for (const after of PEACE.again) await phase(duration + after, () => director.standUp());
    await phase(duration + PEACE.probe, () => director.probe());
    await phase(duration + PEACE.redrive, () => {
      auditPeace(scene, director);
      scene.healed = true;
      const app = director.apps.find(({ isLive }) => isLive);
      oracle.check(app !== undefined, 'peace-open', () => 'no application runs after all that time');
      director.redriveAll(app);
    });
    await phase(duration + PEACE.over, () => {
      auditPeace(scene, director);
      for (const app of director.apps) app.shutDown();
      for (const service of director.services) service.close();
      for (const client of director.clients) client.close();
    });
    await phase(duration + PEACE.over + AFTER_CLOSE, () => {
      auditRest(scene, director);
      takeAll(scene).then(
        (all) => (found = all),
        (error: unknown) => oracle.fail('lost', `the queues cannot be read: ${String(error)}`),
      );
    });
    await phase(duration + PEACE.over + 2 * AFTER_CLOSE, () => {
      if (found) ledger.audit(found);
      else oracle.fail('lost', 'the queues could not be read in time');
    });
  };
  try {
    return await simulatedRun({ clock, trace, oracle, network: site.network }, work, NEST);
  } finally {
    Logger.overrideLogger(false);
  }
}
