import type { Prng } from '../engine/prng.js';
import type { Weather } from '../engine/wire.js';
import type { ChannelSettings, ConsumeSettings, PublishSettings, Step, Treatment } from './steps.js';

/** The latency of one way, ms. Situations rely on it. */
const LATENCY = 2;
/** Weather in which a round trip takes 4 ms, always. */
const STEADY: Weather = { latency: [LATENCY, LATENCY], chunk: 0, bandwidth: 0 };
/** Time from a situation's beginning until its channel is open and consumes, ms. */
export const READY = 60;
/** Time after which the previous weather is back, ms. */
const OVER = 400;

const QUEUES = ['safe0', 'safe1', 'safe2', 'brief0'];

/** The steps of a situation on its own channel, at times from its beginning. */
export class Scenery {
  readonly steps: Step[] = [];
  readonly queue: string;

  constructor(
    readonly random: Prng,
    private readonly begin: number,
    private readonly conn: number,
    private readonly ch: number,
  ) {
    this.queue = random.pick(QUEUES);
    this.at(0, { kind: 'weather', weather: STEADY });
  }

  at(time: number, step: StepBody): this {
    this.steps.push({ ...step, at: this.begin + time } as Step);
    return this;
  }

  /** Adds a step on the situation's channel. */
  on(time: number, step: ChannelStepBody): this {
    return this.at(time, { conn: this.conn, ch: this.ch, ...step } as StepBody);
  }

  channel(settings: ChannelSettings = {}): this {
    return this.on(1, { kind: 'openChannel', settings }).on(20, { kind: 'declareQueue', queue: this.queue });
  }

  consume(settings: ConsumeSettings = {}, treatment: Partial<Treatment> = {}, queue = this.queue): this {
    const whole: Treatment = { settle: 'ack', delay: 0, throws: 0, sync: true, gather: 2, ...treatment };
    return this.on(30, { kind: 'consume', slot: 2, queue, settings, treatment: whole });
  }

  publish(time: number, what: Partial<PublishSettings> = {}): this {
    return this.on(time, { kind: 'publish', what: { exchange: '', key: this.queue, count: 1, size: 20, ...what } });
  }
}

/** A step without its time. */
type StepBody = Step extends infer S ? (S extends Step ? Omit<S, 'at'> : never) : never;
/** A step without its time and channel. */
type ChannelStepBody = Step extends infer S ? (S extends Step ? Omit<S, 'at' | 'conn' | 'ch'> : never) : never;

type Situation = (scene: Scenery) => void;

/**
 * Rare events that meet within a round trip, which single random steps would hardly ever produce. Each situation opens its own
 * channel, and the weather is steady meanwhile.
 */
export const SITUATIONS: Readonly<Record<string, Situation>> = {
  recoverInTraffic: (scene) => {
    scene.channel({ confirm: true }).consume().publish(READY, { count: 20 });
    scene.on(READY + scene.random.pick([1, 2, 3]), {
      kind: 'recover',
      ...(scene.random.chance(0.3) && { async: true }),
    });
  },
  cancelFails: (scene) => {
    scene.channel().consume(scene.random.chance(0.5) ? { concurrency: 2 } : {});
    scene.at(READY, { kind: 'lag', by: 200, ms: 1_000 }).on(READY + 1, { kind: 'cancel', slot: 2, timeout: 20 });
    scene.at(READY + 10, { kind: 'putIn', queue: scene.queue, count: 10 });
  },
  lossWithBacklog: (scene) => {
    scene.channel().consume({ concurrency: scene.random.int(1, 2) }, { sync: false, delay: 20 });
    scene.at(READY, { kind: 'putIn', queue: scene.queue, count: 10 });
    if (scene.random.chance(0.5)) scene.on(READY + 10, { kind: 'brokerClosesChannel' });
    else scene.at(READY + 10, { kind: 'reset', conn: 0 });
  },
  cancelledAndClosed: (scene) => {
    scene.channel().consume(scene.random.chance(0.3) ? { tag: true } : {});
    scene.at(READY, { kind: 'cancelConsumers', queue: scene.queue });
    scene.on(READY + scene.random.pick([0, 1, 2, 4, 6, 8]), { kind: 'brokerClosesChannel' });
  },
  listenerActs: (scene) => {
    const listener = scene.random.pick(['abort', 'abort', 'publish', 'throw', 'close'] as const);
    scene.channel({ confirm: true, listener, ...(scene.random.chance(0.3) && { maxWaiting: 3 }) });
    if (scene.random.chance(0.5)) {
      scene.on(READY, { kind: 'brokerClosesChannel' }).publish(READY + 4, { count: 4 });
    } else scene.at(READY, { kind: 'block', ms: 50 }).publish(READY + 4, { count: 4 });
  },
  lostTwice: (scene) => {
    const whenUnavailable = scene.random.chance(0.6) ? { whenUnavailable: 'fail' as const } : {};
    scene.channel({ confirm: true, republishUnconfirmed: true, ...whenUnavailable }).publish(READY, { count: 5 });
    scene.at(READY + 1, { kind: 'reset', conn: 0 });
    scene.at(READY + 2, { kind: 'trap', conn: 0, method: 'channel.open', act: 'reset', ms: 0 });
  },
  lossWithSomeWaiting: (scene) => {
    const bound = scene.random.chance(0.7) ? { maxUnconfirmed: 2 } : {};
    scene.channel({ confirm: true, republishUnconfirmed: true, ...bound }).publish(READY, { count: 6 });
    scene.at(READY + 1, { kind: 'reset', conn: 0 }).publish(READY + 2, { count: 2 });
  },
  oneOfManyReturned: (scene) => {
    scene.channel({ confirm: true }).on(READY, { kind: 'returnNext', count: 1, after: scene.random.int(1, 3) });
    scene.publish(READY, { count: 6, mandatory: true, ...(scene.random.chance(0.3) && { noId: true }) });
  },
  twins: (scene) => {
    scene.channel({ confirm: true }).publish(READY, { key: 'nowhere', twins: true, count: 2 });
  },
  culprit: (scene) => {
    const again = scene.random.chance(0.5) ? { republishUnconfirmed: true } : {};
    scene.channel({ confirm: true, ...again }).publish(READY, { count: 4 });
    scene.on(READY, { kind: 'channelError', how: 'publish' }).publish(READY, { count: 2 });
  },
  roundsOfWaiting: (scene) => {
    scene.channel({ confirm: true, maxUnconfirmed: 1, maxWaitingBytes: 100 });
    for (let round = 0; round < 6; round++) scene.publish(READY + 20 * round, { count: 3 });
  },
  abandonedGet: (scene) => {
    scene.channel().at(READY, { kind: 'putIn', queue: scene.queue, count: 3 });
    for (let time = 1; time < 4; time++) scene.on(READY + time, { kind: 'get', queue: scene.queue, timeout: 1 });
  },
  settleAndClose: (scene) => {
    scene.channel().at(READY, { kind: 'putIn', queue: scene.queue, count: 4 });
    for (let time = 1; time < 4; time++) scene.on(READY + time, { kind: 'get', queue: scene.queue });
    scene.on(READY + 20, { kind: 'settleHeld', how: scene.random.pick(['ack', 'ack', 'multiple', 'nack'] as const) });
    scene.on(READY + 20, { kind: 'closeChannel' });
  },
  closeInTraffic: (scene) => {
    scene.channel().consume({}, { sync: false, delay: 20 });
    scene.at(READY, { kind: 'putIn', queue: scene.queue, count: 5 }).on(READY + 10, { kind: 'closeChannel' });
  },
  bindingsOfOneName: (scene) => {
    const to = { queue: 'mine0', exchange: scene.random.pick(['headers0', 'topic0', 'direct0']), key: 'a' };
    scene.channel().on(20, { kind: 'declareQueue', queue: 'mine0' });
    scene.on(25, { kind: 'declareExchange', exchange: to.exchange });
    scene.on(32, { kind: 'bind', ...to, args: 0 }).on(38, { kind: 'bind', ...to, args: 1 });
    if (scene.random.chance(0.5)) scene.on(44, { kind: 'unbind', ...to, args: 0 });
    scene.at(READY, { kind: 'reset', conn: 0 });
  },
  lostWhileBlocked: (scene) => {
    scene
      .channel({ confirm: true })
      .at(READY, { kind: 'block', ms: 50 })
      .publish(READY + 5);
    scene.at(READY + 47, { kind: 'reset', conn: 0 });
  },
  blockedForAWhile: (scene) => {
    scene.channel({ confirm: scene.random.chance(0.7), publishTimeout: 1_000 }).at(READY, { kind: 'block', ms: 50 });
    scene
      .publish(READY + 5, { count: 3 })
      .publish(READY + 6, { timeout: 20 })
      .publish(READY + 6, { abortAfter: 20 });
    scene.publish(READY + 7, { timeout: 300 });
  },
  lateConfirms: (scene) => {
    const bounds = scene.random.pick([{ maxUnconfirmed: 2 }, { maxUnconfirmedBytes: 100 }, {}]);
    scene.channel({ confirm: true, ...bounds }).at(READY, { kind: 'lag', by: 200, ms: 1_000 });
    scene
      .publish(READY + 1, { timeout: 20 })
      .publish(READY + 1, { timeout: 60, count: 2 })
      .publish(READY + 2, { count: 8 });
  },
  controlCallLost: (scene) => {
    scene.at(READY, { kind: 'updateSecret', conn: 0 }).at(READY + 1, { kind: 'reset', conn: 0 });
  },
  closesCross: (scene) => {
    scene.channel().consume().on(READY, { kind: 'closeChannel', timeout: 1 });
    scene.on(READY + scene.random.pick([0, 1, 2]), { kind: 'brokerClosesChannel' });
    scene.on(READY + 20, { kind: 'openChannel', settings: {} });
  },
  numberUsedAgain: (scene) => {
    scene.channel().consume(scene.random.chance(0.5) ? { noAck: true } : {});
    scene.at(READY, { kind: 'lag', by: 200, ms: 1_000 }).on(READY + 1, { kind: 'closeChannel', timeout: 1 });
    scene.at(READY + 3, { kind: 'putIn', queue: scene.queue, count: 10 });
    scene.on(READY + 15, { kind: 'openChannel', settings: {} });
  },
  roomRunsOut: (scene) => {
    scene.channel({ confirm: scene.random.chance(0.3), publishTimeout: scene.random.pick([100, 500]) });
    scene.publish(READY, { size: 70_000, count: 8 });
  },
  closedAtOnce: (scene) => {
    scene.at(READY, { kind: 'closeAtOnce', count: 200, how: scene.random.pick(['close', 'end'] as const) });
    scene.at(READY + 1, { kind: 'reset', conn: 0 });
  },
  wayBackFails: (scene) => {
    scene.channel().consume(scene.random.chance(0.5) ? { prefetch: 5 } : {});
    const act = scene.random.pick(['stall', 'stall', 'brokerClosesChannel', 'reset', 'freeze'] as const);
    const method = scene.random.pick(['basic.consume', 'basic.consume', 'channel.open', 'queue.declare'] as const);
    scene.at(READY, { kind: 'trap', conn: 0, method, act, ms: 6_000 }).on(READY + 1, { kind: 'brokerClosesChannel' });
  },
  wayBackFailsTwice: (scene) => {
    scene.channel().consume();
    const trap = { kind: 'trap', conn: 0, method: 'basic.consume' } as const;
    scene.at(READY, { ...trap, act: 'brokerClosesChannel', ms: 0 });
    scene.at(READY, { ...trap, act: scene.random.pick(['stall', 'stall', 'freeze'] as const), ms: 12_000 });
    scene.on(READY + 1, { kind: 'brokerClosesChannel' });
  },
  namedQueueLost: (scene) => {
    scene.channel().on(20, { kind: 'declareQueue', queue: 'named0' }).consume({}, {}, 'named0');
    scene.at(READY, { kind: 'reset', conn: 0 }).publish(READY + 300, { key: 'named0' });
  },
  halfAMessage: (scene) => {
    scene.channel({ confirm: true }).consume();
    scene.at(READY, { kind: 'truncate', conn: 0, direction: 'down', bytes: scene.random.pick([100, 5_000, 40_000]) });
    scene.publish(READY + 1, { size: 70_000 });
  },
  unanswered: (scene) => {
    scene.channel().at(READY, { kind: 'stall', ms: 1_000 });
    scene.on(READY + 1, { kind: 'declareQueue', queue: scene.queue, timeout: 20 });
    scene
      .on(READY + 1, { kind: 'cancel', slot: 2, timeout: 20 })
      .on(READY + 2, { kind: 'get', queue: scene.queue, timeout: 20 });
  },
  silentNode: (scene) => {
    scene.at(READY, { kind: 'nodeDown', node: 0, silent: true }).at(READY + 8_000, { kind: 'nodeUp', node: 0 });
  },
  ownPrefetches: (scene) => {
    scene.channel({ prefetch: scene.random.pick([1, 2]) }).consume({ prefetch: 20 });
    const treatment: Treatment = { settle: 'ack', delay: 20, throws: 0, sync: false, gather: 2 };
    scene.on(31, { kind: 'consume', slot: 1, queue: 'safe1', settings: {}, treatment });
    scene.at(READY, { kind: 'putIn', queue: 'safe1', count: 10 }).on(READY + 50, { kind: 'brokerClosesChannel' });
  },
};

/** Ends an extra connection, so that the audits of the others still hold. */
const lastWords: Situation = (scene) => {
  scene.at(1, { kind: 'connect', conn: 1 });
  scene.on(20, { kind: 'openChannel', settings: { confirm: scene.random.chance(0.5) } });
  scene.at(READY, { kind: 'stall', ms: 6_000 }).publish(READY + 1, { size: 70_000, count: 5 });
  scene.at(READY + 2, { kind: 'closeConnection', conn: 1, timeout: scene.random.pick([1, 100]) });
};

interface Drawn {
  readonly situations: readonly Step[];
  /** No other steps happen, so that the consequences of the situation are visible. */
  readonly calm: boolean;
}

/** Draws some situations. @param steps the other steps of the seed */
export function drawSituations(random: Prng, steps: readonly Step[], duration: number): Drawn {
  const names = Object.keys(SITUATIONS);
  const situations: Step[] = [];
  const calm = random.chance(0.35);
  for (let count = random.int(calm ? 1 : 0, 3); count > 0; count--) {
    // The time is early, before anything breaks, or any time.
    const at = random.chance(0.5) ? random.int(60, 200) : 60 + random.int(0, duration / 2);
    const name = random.pick(names);
    // Most situations use a channel that no other step touches, since their effects may take until the end.
    const scene = new Scenery(random.split(name), at, 0, random.chance(0.3) ? 2 : 2 + count);
    SITUATIONS[name]!(scene);
    situations.push(...scene.steps, weatherAgain(steps, at));
  }
  if (random.chance(0.04)) {
    const at = 60 + random.int(0, duration / 2);
    const scene = new Scenery(random.split('last words'), at, 1, 0);
    lastWords(scene);
    situations.push(...scene.steps, weatherAgain(steps, at));
  }
  return { situations, calm };
}

/** Returns the step that brings back the weather without the situation. */
export function weatherAgain(steps: readonly Step[], begin: number): Step {
  const at = begin + OVER;
  const before = steps.findLast((step) => step.kind === 'weather' && step.at <= at);
  return { at, kind: 'weather', weather: before?.kind === 'weather' ? before.weather : STEADY };
}
