import { BACKOFF, type Act, type PublishSettings, type Step } from './steps.js';

/** The plainest values of all settings. */
export const plainSettings = {
  heartbeat: 10,
  rpcTimeout: 10_000,
  startup: 'wait',
  startupTimeout: 10_000,
  gracePeriod: 2_000,
  prefetch: 10,
  concurrency: 0,
  attempts: 3,
  backoff: 'fixed',
  then: 'park',
  batch: { size: 2, maxWait: 200, concurrency: 1 },
  publishTimeout: 10_000,
  maxInFlight: 10_000,
  maxWaiting: 100_000,
  maxInFlightBytes: 67_108_864,
  maxWaitingBytes: 67_108_864,
  republishUnconfirmed: false,
  whenUnavailable: 'wait',
  quorum: false,
  calm: false,
  lastRedrive: 'well',
  listening: false,
  taken: false,
  decoding: 0,
  echoes: 0,
  controllers: false,
  timeout: 0,
  duration: 5_000,
} as const;

/** Kinds of steps that must name a queue. */
const MUST_NAME: ReadonlySet<string> = new Set<Step['kind']>([
  'redrive',
  'listParked',
  'deleteQueue',
  'usurp',
  'adjust',
]);

/** Returns simpler variants of a step: with fewer, smaller or zero values. */
export function simplify(step: Step): readonly Step[] {
  const simpler: Step[] = [];
  if ('what' in step) {
    for (const what of lessOf(step.what)) simpler.push({ ...step, what } as Step);
  }
  if ('ms' in step && step.ms > 100) simpler.push({ ...step, ms: 100 } as Step);
  if ('count' in step && step.count > 1) simpler.push({ ...step, count: 1 } as Step);
  if (step.kind === 'weather') simpler.push({ ...step, weather: { ...step.weather, chunk: 0, bandwidth: 0 } });
  for (const name of ['queue', 'limit', 'leaveAfter', 'key'] as const) {
    if (name === 'queue' && MUST_NAME.has(step.kind)) continue;
    if (name in step) {
      const { [name]: _, ...rest } = step as unknown as Record<string, unknown>;
      simpler.push(rest as unknown as Step);
    }
  }
  return simpler;
}

function lessOf(what: PublishSettings): PublishSettings[] {
  const less: PublishSettings[] = [];
  if (what.count > 1) less.push({ ...what, count: 1 }, { ...what, count: Math.ceil(what.count / 2) });
  for (const name of [
    'exchange',
    'bad',
    'size',
    'timeout',
    'abortAfter',
    'nowhere',
    'transient',
    'noId',
    'delay',
  ] as const) {
    if (what[name] === undefined) continue;
    const { [name]: _, ...rest } = what;
    less.push(rest);
  }
  if (what.plan.length > 1) less.push({ ...what, plan: what.plan.slice(0, 1) }, { ...what, plan: what.plan.slice(1) });
  for (const [index, act] of what.plan.entries()) {
    for (const simple of lessOfAct(act)) less.push({ ...what, plan: what.plan.with(index, simple) });
  }
  return less;
}

function lessOfAct(act: Act): Act[] {
  const less: Act[] = [];
  if (act.do !== 'ok') less.push({ do: 'ok', after: 0 });
  if (act.after > 0) less.push({ ...act, after: 0 });
  if (act.delay !== undefined && act.delay !== BACKOFF.fixed) {
    const { delay: _, ...rest } = act;
    less.push(rest);
  }
  if ((act.times ?? 1) > 1) less.push({ ...act, times: 1 });
  return less;
}
