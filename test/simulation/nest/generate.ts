import { Prng } from '../engine/prng.js';
import type { Weather } from '../engine/wire.js';
import { delaysAfter } from './table.js';
import { USERS } from './steps.js';
import type { Act, NestScenario, NestSettings, Plan, PublishSettings, Step, StepKind, Target } from './steps.js';

/** Kinds of steps that are drawn singly. Some seeds have one of the others by `drawSituation`. */
type Drawn = Exclude<StepKind, 'usurp' | 'tenant' | 'adjust'>;

/** The weight of each kind, before a seed favours some kinds and leaves others out. */
const WEIGHTS: Readonly<Record<Drawn, number>> = {
  boot: 2, shutDown: 2, publish: 40, request: 12, pause: 2, resume: 2, redrive: 3, listParked: 1, letGo: 2,
  serve: 2, closeServer: 1, emit: 10, send: 10, closeClient: 0.5,
  reset: 2, fin: 1, halfOpen: 1, blackHole: 1, truncate: 2, freeze: 1, weather: 1, crash: 1.5, stopBroker: 1, block: 1.5,
  nackNext: 3, returnNext: 2, cancelConsumers: 2, deleteQueue: 2, drop: 2, stall: 1, lag: 1, refuseLogins: 0.5,
}; // prettier-ignore

/** The kind that no seed leaves out. */
const ALWAYS: Drawn = 'publish';
const APPS = 2;
/** The time limit of handlers, ms: more than most acts take, and less than the longest. */
const TIMEOUT = 250;

/** Returns the scenario of a seed. */
export function generate(seed: number): NestScenario {
  const random = new Prng(seed, 'nest');
  const drawn = drawSettings(random.split('settings'));
  const steps = [...drawSteps(random.split('steps'), drawn), ...drawSituation(random.split('situation'), drawn)];
  const taking = random.split('taken');
  const decoding = random.split('decoding').pick([0, 0, 0, 1, 40]);
  const echoes = random.split('echoes').chance(0.3) ? 5 : 0;
  // The longer one outlasts the grace period.
  const timeout = drawn.timeout || (random.split('timeout').chance(0.2) ? 3_000 : 0);
  const settings = { ...drawn, taken: taking.chance(0.15), decoding, timeout, echoes };
  if (settings.taken) steps.push(...drawTaken(taking, settings));
  if (settings.startup === 'background') steps.push(...drawEarly(random.split('early')));
  steps.push(...drawTenants(random.split('tenants'), settings));
  steps.push(...drawAdjustments(random.split('adjustments'), settings));
  const delayed = drawDelays(random.split('delays'), steps);
  return { seed, settings, steps: delayed.sort((one, other) => one.at - other.at) };
}

/** An operator declares the services' queue otherwise, while they consume it, or before they do. */
function drawTaken(random: Prng, { calm, duration }: NestSettings): Step[] {
  const serve: Step = { at: 20, kind: 'serve', app: 0 };
  if (calm || random.chance(0.3)) return [serve];
  const at = random.chance(0.5) ? 100 : Math.round(200 + (random.next() * duration) / 2);
  const [queue, ms] = ['micro', random.pick([100, 1_000, 5_000])] as const;
  return [
    serve,
    { at, kind: 'usurp', queue, ms },
    { at: at + ms / 2, kind: 'emit', app: 0, what: drawPublish(random, 'micro') },
  ];
}

/** Queues and consumers that come and go at run time. */
function drawTenants(random: Prng, { duration }: NestSettings): Step[] {
  if (random.chance(0.6)) return [];
  return Array.from({ length: random.int(1, 6) }, () => ({
    at: Math.round(200 + random.next() * duration * 0.8),
    kind: 'tenant' as const,
    app: random.chance(0.8) ? 0 : 1,
    ...(random.chance(0.7) ? { ms: random.pick([0, 1, 50, 1_000, 5_000]) } : {}),
  }));
}

/** Other limits of consumers. Each may need a registration, and few are allowed on a channel in a minute. */
function drawAdjustments(random: Prng, { duration }: NestSettings): Step[] {
  if (random.chance(0.6)) return [];
  const queue = random.pick(['work', 'hand', 'price', 'mine', 'batch'] as const);
  return Array.from({ length: random.int(1, 4) }, () => {
    const prefetch = random.chance(0.7) ? { prefetch: random.pick([0, 1, 2, 10, 300]) } : {};
    const concurrency =
      'prefetch' in prefetch && random.chance(0.3) ? {} : { concurrency: random.pick([1, 2, 7, Infinity]) };
    return {
      at: Math.round(200 + random.next() * duration * 0.8),
      kind: 'adjust' as const,
      app: random.chance(0.8) ? 0 : 1,
      queue,
      limits: { ...prefetch, ...concurrency },
    };
  });
}

/** An application that starts in the background publishes before its topology is declared. */
function drawEarly(random: Prng): Step[] {
  if (random.chance(0.6)) return [];
  const to = random.pick(['work', 'hand', 'batch'] as const);
  return [{ at: random.int(1, 12), kind: 'publish', app: 0, what: drawPublish(random, to) }];
}

/** Delays of messages. */
function drawDelays(random: Prng, steps: readonly Step[]): Step[] {
  const share = random.pick([0, 0, 0.2, 0.7]);
  return steps.map((step) => {
    if ((step.kind !== 'publish' && step.kind !== 'emit') || !random.chance(share)) return step;
    return { ...step, what: { ...step.what, delay: random.pick([1, 125, 600, 2_000, 7_777]) } };
  });
}

function drawSettings(random: Prng): NestSettings {
  const size = random.pick([1, 2, 5, 10]);
  return {
    heartbeat: random.pick([3, 5, 10]),
    rpcTimeout: random.pick([2_000, 10_000]),
    startup: random.pick(['wait', 'wait', 'background']),
    startupTimeout: random.pick([2_000, 10_000]),
    gracePeriod: random.pick([500, 2_000, 10_000]),
    prefetch: random.pick([1, 3, 10, 100]),
    concurrency: random.pick([0, 0, 1, 2]),
    attempts: random.pick([1, 2, 3, 3, 5]),
    backoff: random.pick(['fixed', 'exponential']),
    then: random.pick(['park', 'park', 'dead-letter', 'discard']),
    batch: { size, maxWait: random.pick([20, 200, 1_000]), concurrency: random.pick([1, 1, 3]) },
    publishTimeout: random.pick([2_000, 10_000, 30_000]),
    maxInFlight: random.pick([1, 5, 10_000]),
    maxWaiting: random.pick([0, 5, 100_000, 100_000, 100_000, 100_000]),
    maxInFlightBytes: random.pick([200, 4_000, 67_108_864, 67_108_864, 67_108_864]),
    maxWaitingBytes: random.pick([500, 5_000, 67_108_864, 67_108_864, 67_108_864, 67_108_864]),
    republishUnconfirmed: random.chance(0.3),
    whenUnavailable: random.pick(['wait', 'wait', 'fail']),
    quorum: random.chance(0.3),
    calm: random.chance(0.12),
    lastRedrive: random.pick(['well', 'nacked', 'returned']),
    listening: random.chance(0.3),
    // Drawn behind all others: earlier seeds stay what they are.
    taken: false,
    decoding: 0,
    echoes: 0,
    controllers: random.chance(0.5),
    duration: random.pick([5_000, 10_000, 20_000]),
    timeout: random.pick([0, 0, 0, TIMEOUT]),
  };
}

/** Draws steps that belong together, or that are too rare to be drawn singly. */
function drawSituation(random: Prng, { calm, duration }: NestSettings): Step[] {
  // The time is early, before anything breaks, or any time.
  const at = random.chance(0.5) ? 100 : Math.round(200 + (random.next() * duration) / 2);
  const queue = random.pick(['micro', 'micro', 'work', 'batch', 'price'] as const);
  if (!calm) {
    if (random.chance(0.8)) return [];
    const usurp: Step = { at, kind: 'usurp', queue, ms: random.pick([100, 1_000, 5_000]) };
    return queue === 'micro' ? [{ at: at - 90, kind: 'serve', app: 0 }, usurp] : [usurp];
  }
  // An application ends while its handler hangs. Either of two may get the messages. If nothing breaks, the end is in time.
  const begin = random.pick([300, 600, 1_000]);
  const to = random.pick(['work', 'hand', 'batch'] as const);
  return [
    { at: begin, kind: 'publish', app: 0, what: { to, count: 4, plan: [{ do: 'hang', after: 0 }] } },
    { at: begin + 200, kind: 'shutDown', app: 0 },
  ];
}

function drawSteps(random: Prng, settings: NestSettings): Step[] {
  const weights: Partial<Record<Drawn, number>> = {};
  for (const kind of Object.keys(WEIGHTS) as Drawn[]) {
    const favour = random.pick([0, 0, 1, 1, 1, 2, 5]);
    // In a calm run, a hanging handler hangs until peace.
    const never = settings.calm && (!USERS.has(kind) || kind === 'letGo');
    weights[kind] = never ? 0 : WEIGHTS[kind] * (favour === 0 && kind === ALWAYS ? 1 : favour);
  }
  const targets = (['work', 'hand', 'batch', 'price', 'mine'] as const).filter(() => random.chance(0.6));
  if (targets.length === 0) targets.push('work');
  const steps: Step[] = [{ at: 0, kind: 'boot', app: 0 }];
  if (random.chance(0.3)) steps.push({ at: 0, kind: 'boot', app: 1 });
  if (random.chance(0.5)) steps.push({ at: 10, kind: 'serve', app: 0 });
  // The weather is fair at first. In a storm from the beginning, there would be nothing to lose.
  if (!settings.calm) steps.push({ at: 120, kind: 'weather', weather: drawWeather(random) });
  const count = random.pick([8, 15, 30, 50]);
  const pauses = random.pick([0.2, 0.5, 0.8]);
  let at = 150;
  for (let index = 0; index < count; index++) {
    if (random.chance(pauses)) at += random.next() * random.pick([0, 1, 10, (3 * settings.duration) / count]);
    const step = drawStep(random, random.weighted(weights), Math.round(at * 8) / 8, targets, settings);
    steps.push(step, ...(settings.calm ? [] : misfortunesOf(random, step)));
  }
  return steps.sort((one, other) => one.at - other.at);
}

function drawWeather(random: Prng): Weather {
  const shortest = random.pick([0, 0, 0.5, 5, 40]);
  return {
    latency: [shortest, shortest * random.pick([1, 1, 2, 8])],
    chunk: random.pick([0, 0, 0, 1_400, 100, 7]),
    bandwidth: random.chance(0.05) ? random.pick([50, 1_000]) : 0,
  };
}

/** Draws a queue where a message of this queue waits or is parked. */
function aside(random: Prng, queue: Target, settings: NestSettings): string {
  const delays = [1, 2].flatMap((attempt) => delaysAfter(attempt, settings));
  return `${queue}.${random.pick(['parked', ...delays.map((ms) => `retry.${ms}`)])}`;
}

/** Draws faults in the middle of a step, which would be rare otherwise. */
function misfortunesOf(random: Prng, step: Step): Step[] {
  if (step.kind !== 'redrive' || random.chance(0.5)) return [];
  const { at, app, queue } = step;
  const kind = random.pick(['nackNext', 'returnNext', 'drop', 'reset'] as const);
  if (kind === 'nackNext' || kind === 'returnNext') return [{ at, kind, count: 1, key: queue }];
  const soon = at + random.pick([1, 3, 10, 50]);
  if (kind === 'drop') return [{ at: soon, kind, how: 'reset' }];
  return [0, 1].map((nth) => ({ at: soon, kind, app, nth }));
}

function drawStep(random: Prng, kind: Drawn, at: number, targets: readonly Target[], settings: NestSettings): Step {
  const app = random.chance(0.75) ? 0 : random.int(0, APPS - 1);
  const wire = { app, nth: random.int(0, 3) };
  const queue = random.pick(targets);
  switch (kind) {
    case 'publish':
      return { at, kind, app, what: drawPublish(random, queue) };
    case 'request':
      return { at, kind, app, what: { ...drawPublish(random, 'price'), to: 'price' } };
    case 'emit':
      return { at, kind, app, what: { ...drawPublish(random, 'micro'), to: 'micro' } };
    case 'send':
      return { at, kind, app, what: { ...drawPublish(random, 'micro'), to: 'micro' }, ...(random.chance(0.2) ? { leaveAfter: random.pick([0, 1, 50, 1_000]) } : {}) }; // prettier-ignore
    case 'pause':
    case 'resume':
      return { at, kind, app, ...(random.chance(0.5) ? { queue } : {}) };
    case 'redrive':
      return { at, kind, app, queue, ...(random.chance(0.3) ? { limit: random.int(1, 5) } : {}) };
    case 'listParked':
      return { at, kind, app, queue };
    case 'boot':
    case 'shutDown':
    case 'serve':
    case 'closeServer':
    case 'closeClient':
      return { at, kind, app };
    case 'letGo':
      return { at, kind };
    case 'reset':
    case 'fin':
    case 'halfOpen':
      return { at, kind, ...wire };
    case 'blackHole':
      return { at, kind, ...wire, direction: random.pick(['up', 'down', 'both']) };
    case 'truncate':
      return { at, kind, ...wire, direction: random.pick(['up', 'down']), bytes: random.int(1, 400) };
    case 'freeze':
      return { at, kind, ...wire, direction: random.pick(['up', 'down', 'both']), ms: random.pick([10, 500, 3_000]) };
    case 'weather':
      return { at, kind, weather: drawWeather(random) };
    case 'crash':
    case 'stopBroker':
      return { at, kind, ms: random.pick([0, 100, 2_000, 8_000]) };
    case 'block':
    case 'stall':
      return { at, kind, ms: random.pick([50, 1_000, 5_000]) };
    case 'lag':
      return { at, kind, by: random.pick([5, 100, 1_000]), ms: random.pick([500, 5_000]) };
    case 'nackNext':
    case 'returnNext':
      return { at, kind, count: random.pick([1, 1, 2, 5]), ...(random.chance(0.7) ? { key: aside(random, queue, settings) } : {}) }; // prettier-ignore
    case 'refuseLogins':
      return { at, kind, count: random.pick([1, 1, 2, 5]) };
    case 'cancelConsumers':
      return { at, kind, ...(random.chance(0.5) ? { queue: wire.nth === 0 ? 'micro' : queue } : {}) };
    case 'deleteQueue':
      return { at, kind, queue: drawQueue(random, queue, settings) };
    case 'drop':
      return { at, kind, how: random.pick(['close', 'end', 'reset', 'mid-frame']) };
  }
}

/** Draws the queue itself or one where its messages wait. */
function drawQueue(random: Prng, queue: Target, settings: NestSettings): string {
  const served = random.chance(0.3) || queue === 'mine' ? 'micro' : queue;
  return random.chance(0.6) ? served : aside(random, served, settings);
}

function drawPublish(random: Prng, to: Target): PublishSettings {
  return {
    to,
    count: random.pick([1, 1, 2, 5, 20]),
    plan: drawPlan(random, to),
    ...(random.chance(0.3) ? { exchange: true } : {}),
    ...(random.chance(0.05) ? { bad: true } : {}),
    ...(random.chance(0.1) ? { size: random.pick([100, 5_000, 200_000]) } : {}),
    ...(random.chance(0.15) ? { timeout: random.pick([1, 50, 1_000]) } : {}),
    ...(random.chance(0.1) ? { abortAfter: random.pick([0, 1, 50, 1_000]) } : {}),
    ...(random.chance(0.05) ? { nowhere: true } : {}),
    ...(random.chance(0.2) ? { noId: true } : {}),
  };
}

function drawPlan(random: Prng, to: Target): Plan {
  const plan: Act[] = [];
  for (let attempt = random.pick([1, 1, 1, 2, 3, 4]); attempt > 1; attempt--) plan.push(drawAct(random, to, false));
  plan.push(drawAct(random, to, random.chance(0.6)));
  return plan;
}

function drawAct(random: Prng, to: Target, well: boolean): Act {
  const after = random.pick([0, 0, 0, 1, 30, 400]);
  if (well) return { do: 'ok', after };
  const what = random.weighted<Act['do']>({
    ok: 2, throw: 8, reject: 2, retry: 2, requeue: 2, refuse: 1, hang: 1,
    ...(to === 'hand' ? { settleAndThrow: 2, nack: 2, rejectByHand: 2 } : {}),
    ...(to === 'batch' ? { throwAll: 3 } : {}),
  }); // prettier-ignore
  if (what === 'retry')
    return { do: what, after, ...(random.chance(0.5) ? { delay: random.pick([1, 250, 700]) } : {}) };
  if (what === 'requeue' || what === 'nack') return { do: what, after, times: random.int(1, 3) };
  return { do: what, after };
}
