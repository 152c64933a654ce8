import { Prng } from '../engine/prng.js';
import type { Weather } from '../engine/wire.js';
import { drawRarity } from './rarities.js';
import { drawSituations } from './situations.js';
import {
  EXCHANGES,
  QUEUES,
  type ChannelSettings,
  type ConsumeSettings,
  type CoreScenario,
  type CoreSettings,
  type PublishSettings,
  type Step,
  type StepKind,
  type Treatment,
} from './steps.js';

/** Kinds of steps that are drawn singly. The others occur in situations only. */
type DrawnKind = Exclude<StepKind, 'putIn' | 'trap' | 'loseLeader' | 'tokens'>;

/** The weight of each kind, before a seed favours some kinds and leaves others out. */
const WEIGHTS: Readonly<Record<DrawnKind, number>> = {
  connect: 1, closeConnection: 1, openChannel: 6, closeChannel: 3, publish: 40, waitForConfirms: 2,
  declareQueue: 6, deleteQueue: 3, purgeQueue: 1, declareExchange: 2, deleteExchange: 1, bind: 4, unbind: 2,
  consume: 12, iterate: 4, cancel: 4, get: 5, settleHeld: 3, qos: 2, confirmSelect: 1, recover: 1, flow: 1,
  transaction: 1, drainEvents: 1, updateSecret: 1, channelError: 3,
  bindExchange: 1.5,
  unbindExchange: 0.7,
  halfOpen: 2,
  brokerClosesChannel: 2,
  flood: 0.05,
  reset: 2, fin: 2, blackHole: 2, truncate: 2, freeze: 2, weather: 1, nodeDown: 1, nodeUp: 1, crash: 2, shutDown: 1,
  smaller: 1, block: 2, nackNext: 2, returnNext: 2, cancelConsumers: 2, drop: 3, stall: 1, lag: 1, corruptFrame: 1,
  refuseLogins: 1, closeAtOnce: 1,
}; // prettier-ignore

/** Kinds that no seed leaves out. */
const ALWAYS: ReadonlySet<DrawnKind> = new Set(['publish', 'consume', 'openChannel', 'declareQueue'] as const);

const KEYS = ['a', 'b', 'a.b'];
/** Time in which queues are declared and consumed and nothing breaks, ms. */
const BEGINNING = 50;
const CONNECTIONS = 2;
const CHANNELS = 3;
const CONSUMERS = 3;

/** Returns the scenario of a seed. */
export function generate(seed: number): CoreScenario {
  const random = new Prng(seed, 'core');
  const settings = drawSettings(random.split('settings'));
  const steps = drawSteps(random.split('steps'), settings);
  // A seed with floods takes as long as dozens of others.
  const mayFlood = seed % 16 === 12;
  // Situations have their own generator, so that the other steps of a seed do not depend on them.
  const { situations, calm } = drawSituations(new Prng(seed, 'situations'), steps, settings.duration);
  const beside = steps.filter(({ at, kind }) => (mayFlood || kind !== 'flood') && (!calm || at < BEGINNING));
  const rarity = drawRarity(new Prng(seed, 'rarities'), steps, settings.duration);
  const tokens = drawTokens(new Prng(seed, 'tokens'), settings.duration);
  const all = [...beside, ...situations, ...rarity.steps, ...tokens.steps].sort((one, other) => one.at - other.at);
  // This setting has its own generator, too.
  const pipe = new Prng(seed, 'within write').chance(1 / 24) ? { answersWithinWrite: true as const } : {};
  const opened = drawEarly(new Prng(seed, 'early'), all);
  return { seed, settings: { ...settings, ...rarity.settings, ...pipe, ...tokens.settings }, steps: opened };
}

/** In one seed of six, users use half of their connections and channels before these are open. */
function drawEarly(random: Prng, steps: readonly Step[]): readonly Step[] {
  if (!random.chance(1 / 6)) return steps;
  return steps.flatMap((step): readonly Step[] => {
    if (!random.chance(0.5)) return [step];
    if (step.kind === 'connect') return [{ ...step, early: true }];
    if (step.kind !== 'openChannel') return [step];
    const channel = { ...step, settings: { ...step.settings, early: true } };
    const { at, conn, ch } = step;
    const on = { at, conn, ch, queue: 'safe0', settings: {}, treatment: drawTreatment(random) };
    // Nobody waits for the answer to basic.qos, since nothing is sent yet.
    const qos: Step = { at, conn, ch, kind: 'qos', count: random.int(1, 5) };
    if (random.chance(0.3)) return [channel, qos, { ...on, kind: 'consume', slot: 0 }];
    // The loop is left at its first delivery, which may come before the channel counts as open.
    const there: Step = { at, kind: 'putIn', queue: 'safe0', count: 1 };
    return random.chance(0.3) ? [channel, there, { ...on, kind: 'iterate', breakAfter: 1 }] : [channel];
  });
}

/** In one seed of eight, users log in with tokens that expire. Their own generator leaves the other seeds as they were. */
function drawTokens(random: Prng, duration: number): { settings: Partial<CoreSettings>; steps: readonly Step[] } {
  if (!random.chance(1 / 8)) return { settings: {}, steps: [] };
  const tokens = { lifetime: random.pick([2_000, 5_000, 20_000]), closes: random.chance(0.5) };
  const steps = Array.from({ length: random.int(0, 5) }, (): Step => {
    const fault = random.pick(['throws', 'hangs', 'slow', 'expired', 'refused'] as const);
    // Now and then a first connection gets no token, which fails: `connect()` makes one attempt.
    const at = random.chance(0.1) ? 0 : random.int(60, duration);
    return { at, kind: 'tokens', fault, ms: random.pick([50, 1_000, 3_000, 10_000]) };
  });
  return { settings: { tokens }, steps };
}

function drawSettings(random: Prng): CoreSettings {
  return {
    nodes: random.pick([1, 1, 2, 3]),
    heartbeat: random.pick([2, 3, 5, 10, 0]),
    rpcTimeout: random.pick([1_000, 5_000, 30_000]),
    connectTimeout: random.pick([500, 2_000, 5_000]),
    frameMax: random.pick([4_096, 4_096, 8_192, 131_072]),
    writeBufferSize: random.pick([1_000, 20_000, 4 * 1024 * 1024]),
    reconnect: random.chance(0.06)
      ? false
      : {
          initialDelay: random.pick([10, 100, 500]),
          maxDelay: random.pick([500, 2_000, 5_000]),
          ...(random.chance(0.08) ? { attempts: random.int(1, 6) } : {}),
        },
    maxMessageSize: random.pick([128 * 1024 * 1024, 128 * 1024 * 1024, 3_000]),
    ...(random.chance(0.05) ? { logger: 'throws' as const } : {}),
    duration: random.pick([3_000, 10_000, 20_000, 40_000]),
  };
}

function drawWeather(random: Prng): Weather {
  const shortest = random.pick([0, 0, 0.5, 5, 40]);
  return {
    latency: [shortest, shortest * random.pick([1, 1, 2, 8])],
    chunk: random.pick([0, 0, 0, 1_400, 100, 7, 1]),
    bandwidth: random.chance(0.1) ? random.pick([5, 50, 1_000]) : 0,
  };
}

function drawSteps(random: Prng, settings: CoreSettings): Step[] {
  const weights: Partial<Record<DrawnKind, number>> = {};
  for (const kind of Object.keys(WEIGHTS) as DrawnKind[]) {
    // Each seed favours some kinds, so that two rare kinds of steps meet in some seeds.
    const favour = random.pick([0, 0, 1, 1, 1, 2, 5]);
    weights[kind] = WEIGHTS[kind] * (favour === 0 && ALWAYS.has(kind) ? 1 : favour);
  }
  const { steps, queues, exchanges } = drawBeginning(random);
  const count = random.pick([8, 15, 30, 60]);
  // Many steps happen at once or in quick succession. The others are spread over the duration.
  const pauses = random.pick([0.2, 0.5, 0.8]);
  let at = BEGINNING;
  for (let index = 0; index < count; index++) {
    if (random.chance(pauses)) at += random.next() * random.pick([0, 1, 10, (3 * settings.duration) / count]);
    const kind = random.weighted(weights);
    steps.push(drawStep(random, kind, Math.round(at * 8) / 8, queues, exchanges));
  }
  return steps.sort((one, other) => one.at - other.at);
}

/** Draws the connections, channels, topology and consumers that exist before anything breaks. */
function drawBeginning(random: Prng): {
  readonly steps: Step[];
  readonly queues: readonly string[];
  readonly exchanges: readonly string[];
} {
  const steps: Step[] = [];
  for (let conn = 0; conn < (random.chance(0.5) ? 1 : CONNECTIONS); conn++) {
    steps.push({ at: 0, kind: 'connect', conn });
    for (let ch = 0; ch < random.int(1, CHANNELS); ch++) {
      steps.push({ at: 20, kind: 'openChannel', conn, ch, settings: drawChannel(random) });
    }
  }
  const on = { conn: 0, ch: 0 };
  const queues: string[] = QUEUES.filter((queue) => random.chance(queue.startsWith('safe') ? 0.6 : 0.3));
  if (queues.length === 0) queues.push('safe0');
  // The first two are used most.
  queues.unshift(...queues.splice(random.int(0, queues.length - 1), 1));
  const exchanges = EXCHANGES.filter(() => random.chance(0.4));
  for (const queue of queues) steps.push({ ...on, at: 30, kind: 'declareQueue', queue });
  for (const exchange of exchanges) {
    steps.push({ ...on, at: 34, kind: 'declareExchange', exchange });
    for (const queue of queues) {
      if (random.chance(0.4)) steps.push({ ...on, at: 38, kind: 'bind', queue, exchange, key: random.pick(KEYS) });
    }
  }
  for (let slot = 0; slot < random.int(0, CONSUMERS); slot++) {
    steps.push({ ...on, at: 42, kind: 'consume', slot, queue: drawQueue(random, queues), settings: drawConsume(random), treatment: drawTreatment(random) }); // prettier-ignore
  }
  // The weather is fair at first. In a storm from the beginning, there would be nothing to lose.
  steps.push({ at: 49, kind: 'weather', weather: drawWeather(random) });
  return { steps, queues, exchanges };
}

function drawStep(
  random: Prng,
  kind: DrawnKind,
  at: number,
  queues: readonly string[],
  exchanges: readonly string[],
): Step {
  const conn = random.chance(0.7) ? 0 : random.int(0, CONNECTIONS - 1);
  const ch = random.chance(0.6) ? 0 : random.int(0, CHANNELS - 1);
  const slot = random.int(0, CONSUMERS - 1);
  // A missing queue closes the channel, so it is drawn seldom.
  const queue = drawQueue(random, queues);
  const exchange = exchanges.length > 0 && random.chance(0.9) ? random.pick(exchanges) : random.pick(EXCHANGES);
  const key = random.pick(KEYS);
  const maybe = <T>(chance: number, value: T): T | undefined => (random.chance(chance) ? value : undefined);
  const on = { at, conn, ch };
  const hurried = defined({ timeout: maybe(0.15, random.pick([1, 20, 300])), abortAfter: maybe(0.1, random.pick([0, 1, 30])) }); // prettier-ignore
  const step = (): Step => {
    switch (kind) {
      case 'connect':
        return {
          at,
          kind,
          conn: random.int(0, CONNECTIONS - 1),
          ...defined({ resolver: maybe(0.15, random.pick([0, 700, -1])) }),
          ...hurried,
        };
      case 'closeConnection':
        return { at, kind, conn, ...defined({ timeout: maybe(0.6, random.pick([1, 100, 1_000])) }) };
      case 'openChannel':
        return { ...on, kind, settings: { ...drawChannel(random), ...hurried } };
      case 'closeChannel':
        return { ...on, kind, ...defined({ timeout: maybe(0.6, random.pick([1, 100, 1_000])) }) };
      case 'publish':
        return { ...on, kind, what: drawPublish(random, queue, exchanges) };
      case 'waitForConfirms':
        return { ...on, kind, timeout: random.pick([1, 100, 5_000]) };
      case 'declareQueue':
        return { ...on, kind, queue, ...defined({ differently: maybe(0.05, true), timeout: hurried.timeout }) };
      case 'deleteQueue':
        return { ...on, kind, queue: random.pick(QUEUES.filter((name) => !name.startsWith('safe'))), ...defined({ timeout: hurried.timeout }) }; // prettier-ignore
      case 'purgeQueue':
        return { ...on, kind, queue: 'brief0' };
      case 'declareExchange':
        return { ...on, kind, exchange, ...defined({ differently: maybe(0.05, true) }) };
      case 'deleteExchange':
        return { ...on, kind, exchange: random.pick(['brief-ex0', 'auto-ex0']) };
      case 'bind':
      case 'unbind':
        return { ...on, kind, queue, exchange, key, ...defined({ args: maybe(0.3, random.int(0, 2)) }) };
      case 'consume':
        return { ...on, kind, slot, queue, settings: { ...drawConsume(random), ...hurried }, treatment: drawTreatment(random) }; // prettier-ignore
      case 'iterate':
        return { ...on, kind, queue, settings: { ...drawConsume(random), ...hurried }, treatment: drawTreatment(random), breakAfter: random.pick([0, 1, 5, 1_000]) }; // prettier-ignore
      case 'cancel':
        return { ...on, kind, slot, ...hurried };
      case 'get':
        return { ...on, kind, queue, ...defined({ noAck: maybe(0.2, true) }), ...hurried };
      case 'settleHeld':
        return { ...on, kind, how: random.pick(['ack', 'nack', 'multiple'] as const) };
      case 'qos':
        return { ...on, kind, count: random.pick([0, 1, 3, 50]), ...defined({ global: maybe(0.2, true) }) };
      case 'confirmSelect':
        return { ...on, kind };
      case 'recover':
        return { ...on, kind, ...defined({ async: maybe(0.3, true) }) };
      case 'flow':
        return { ...on, kind };
      case 'transaction':
        return { at, kind, conn, queue, count: random.int(1, 4), ...defined({ get: maybe(0.4, true), rollback: maybe(0.4, true) }) }; // prettier-ignore
      case 'drainEvents':
        return { at, kind, conn, timeout: random.pick([10, 1_000]) };
      case 'updateSecret':
        return { at, kind, conn };
      case 'channelError':
        return { ...on, kind, how: random.pick(['missingQueue', 'missingExchange', 'different', 'publish'] as const) };
      case 'bindExchange':
      case 'unbindExchange':
        return { ...on, kind, from: exchange, to: random.pick(exchanges.length > 0 ? exchanges : EXCHANGES), key };
      case 'brokerClosesChannel':
        return { ...on, kind };
      case 'flood':
        return { ...on, kind, queue, count: 12_000, how: random.pick(['handler', 'loop'] as const) };
      case 'halfOpen':
      case 'reset':
      case 'fin':
        return { at, kind, conn };
      case 'blackHole':
        return { at, kind, conn, direction: random.pick(['up', 'down', 'both'] as const) };
      case 'truncate':
        return { at, kind, conn, direction: random.pick(['up', 'down'] as const), bytes: random.pick([0, 1, 3, 6, 7, 8, 9, 15, 30, 200]) }; // prettier-ignore
      case 'freeze':
        return { at, kind, conn, direction: random.pick(['up', 'down', 'both'] as const), ms: random.pick([20, 400, 3_000]) }; // prettier-ignore
      case 'weather':
        return { at, kind, weather: drawWeather(random) };
      case 'nodeDown':
        return { at, kind, node: random.int(0, 2), ...defined({ silent: maybe(0.5, true) }) };
      case 'nodeUp':
        return { at, kind, node: random.int(0, 2) };
      case 'crash':
        return { at, kind, ms: random.pick([0, 200, 3_000, 10_000]), ...defined({ forget: maybe(0.3, true) }) };
      case 'shutDown':
        return { at, kind, ms: random.pick([0, 200, 3_000]) };
      case 'smaller':
        return { at, kind, channelMax: random.int(1, 3), frameMax: 8_192 };
      case 'block':
      case 'stall':
        return { at, kind, ms: random.pick([50, 1_000, 6_000]) };
      case 'nackNext':
      case 'returnNext':
        return { at, kind, count: random.pick([1, 1, 2, 10]) };
      case 'cancelConsumers':
        return { at, kind, ...defined({ queue: maybe(0.7, queue) }) };
      case 'drop':
        return { at, kind, how: random.pick(['close', 'end', 'reset', 'mid-frame'] as const) };
      case 'lag':
        return { at, kind, by: random.pick([10, 200]), ms: random.pick([100, 2_000]) };
      case 'corruptFrame':
        return { at, kind };
      case 'refuseLogins':
        return { at, kind, count: random.int(1, 4) };
      case 'closeAtOnce':
        return { at, kind, count: random.pick([1, 3, 30]), how: random.pick(['close', 'end'] as const) };
    }
  };
  return step();
}

/** Draws a queue. All users prefer the same queues, so that messages reach consumers. */
function drawQueue(random: Prng, queues: readonly string[]): string {
  if (random.chance(0.7)) return queues[random.int(0, Math.min(1, queues.length - 1))]!;
  return random.chance(0.8) ? random.pick(queues) : random.pick(QUEUES);
}

function drawChannel(random: Prng): ChannelSettings {
  const maybe = <T>(chance: number, value: T): T | undefined => (random.chance(chance) ? value : undefined);
  return defined({
    confirm: maybe(0.75, true),
    prefetch: maybe(0.3, random.pick([1, 2, 5, 50])),
    restore: maybe(0.07, false),
    restoreAttempts: maybe(0.1, random.int(1, 3)),
    publishTimeout: maybe(0.4, random.pick([100, 1_000, 5_000])),
    maxUnconfirmed: maybe(0.3, random.pick([1, 2, 10])),
    maxWaiting: maybe(0.2, random.pick([0, 3, 20])),
    maxWaitingBytes: maybe(0.2, random.pick([100, 5_000])),
    whenUnavailable: maybe(0.15, 'fail' as const),
    republishUnconfirmed: maybe(0.3, true),
  });
}

function drawConsume(random: Prng): ConsumeSettings {
  const maybe = <T>(chance: number, value: T): T | undefined => (random.chance(chance) ? value : undefined);
  return defined({
    noAck: maybe(0.2, true),
    exclusive: maybe(0.1, true),
    prefetch: maybe(0.3, random.pick([1, 2, 5, 20])),
    concurrency: maybe(0.35, random.pick([1, 1, 2, 5])),
    tag: maybe(0.3, true),
    onCancel: maybe(0.25, true),
  });
}

function drawTreatment(random: Prng): Treatment {
  return {
    settle: random.weighted({ ack: 10, multiple: 3, mixed: 3, reverse: 3, nackOnce: 3, reject: 1, hold: 2, twice: 1, stale: 3, staleNack: 2, closeChannel: 0.5, cancelInside: 1 }), // prettier-ignore
    delay: random.pick([0, 0, 1, 20, 500, 3_000]),
    throws: random.chance(0.15) ? random.pick([1, 3, 10]) : 0,
    sync: random.chance(0.5),
    gather: random.int(2, 5),
  };
}

function drawPublish(random: Prng, queue: string, exchanges: readonly string[]): PublishSettings {
  const maybe = <T>(chance: number, value: T): T | undefined => (random.chance(chance) ? value : undefined);
  const toQueue = random.chance(0.65);
  const known = exchanges.length > 0 ? random.pick(exchanges) : 'amq.fanout';
  const exchange = toQueue ? '' : random.chance(0.02) ? 'missing-ex' : random.chance(0.9) ? known : random.pick(EXCHANGES); // prettier-ignore
  const key = toQueue ? (random.chance(0.1) ? 'nowhere' : queue) : random.pick(KEYS);
  return {
    exchange,
    key,
    count: random.pick([1, 1, 2, 5, 20]),
    size: random.pick([20, 20, 20, 100, 1_000, 4_087, 4_088, 4_089, 8_176, 16_384, 70_000]),
    ...defined({
      mandatory: maybe(0.35, true),
      transient: maybe(0.2, true),
      noId: maybe(0.3, true),
      timeout: maybe(0.15, random.pick([1, 20, 500])),
      abortAfter: maybe(0.08, random.pick([0, 1, 20])),
      header: maybe(0.1, random.pick([10, 3_000, 3_900, 3_990, 4_060, 4_200])),
      twins: maybe(0.05, true),
    }),
  };
}

/** Returns the object without its undefined properties. */
function defined<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
}
