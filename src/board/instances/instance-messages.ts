import { Buffer } from 'node:buffer';
import type { ConsumerState } from '../../consumers/lifecycle/consumer-status.js';

/** Maximum bytes of a command, and of an answer. */
const MAX_ASK = 16_384;
const MAX_ANSWER = 1_000_000;
/** Maximum characters of a text in a message. */
const MAX_TEXT = 1_000;
/** Maximum number of consumers, and of queues, in an answer. */
export const MAX_CONSUMERS = 1_000;

/** One process of the application. */
export interface Instance {
  /** A random id, new at each start. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** The start of the process, ms since 1970. */
  readonly since: number;
  /** The version of nest-amqp. */
  readonly version: string;
}

/** A consumer in a command. */
interface ConsumerName {
  readonly queue: string;
  readonly handler: string;
}

/** A command that changes a consumer. `prefetch` and `concurrency`: 0 is no limit. */
export type ConsumerCommand =
  | (ConsumerName & { readonly kind: 'pause' })
  | (ConsumerName & { readonly kind: 'resume' })
  | (ConsumerName & { readonly kind: 'adjust'; readonly prefetch: number; readonly concurrency: number });

/** `roll-call` asks who is there, `consumers` for the state of each consumer. */
export type InstanceCommand = ConsumerCommand | { readonly kind: 'roll-call' } | { readonly kind: 'consumers' };

/** A command on its way. */
export interface Ask {
  readonly from: Instance;
  /** The user. */
  readonly by: string;
  readonly command: InstanceCommand;
}

/** A consumer in an answer. */
export interface ListedConsumer extends ConsumerName {
  readonly connection: string;
  readonly state: ConsumerState;
  readonly prefetch: number;
  readonly concurrency: number;
  readonly inFlight: number;
  readonly handled: number;
  readonly failed: number;
}

/** The answer of one instance. `absent`: it has no such consumer. */
export interface Answer {
  readonly instance: Instance;
  readonly outcome: 'done' | 'absent' | 'failed';
  readonly reason: string | undefined;
  /** Number of consumers in each state. */
  readonly states: Readonly<Partial<Record<ConsumerState, number>>>;
  /** Number of messages that it has parked since its start, by queue. */
  readonly parked: Readonly<Record<string, number>>;
  /** The answer to `consumers`. */
  readonly consumers: readonly ListedConsumer[];
}

/** An instance tells the others that it has started, or that it stops. */
export interface Note {
  readonly note: 'hello' | 'bye';
  readonly instance: Instance;
}

const STATES: readonly string[] = [
  'starting',
  'consuming',
  'paused',
  'recovering',
  'stopped',
] satisfies ConsumerState[];
const OUTCOMES: readonly string[] = ['done', 'absent', 'failed'] satisfies Answer['outcome'][];

export const encode = (message: Ask | Answer | Note): Buffer => Buffer.from(JSON.stringify(message));

/** Reads a command or a note. Returns undefined for anything else: any client of the broker may have sent it. */
export function readAsk(body: Uint8Array): Ask | Note | undefined {
  const given = tableOf(body, MAX_ASK);
  if (!given) return undefined;
  const { note } = given;
  if (note !== undefined) {
    const instance = instanceOf(given['instance']);
    return instance && (note === 'hello' || note === 'bye') ? { note, instance } : undefined;
  }
  const from = instanceOf(given['from']);
  const command = commandOf(given['command']);
  const { by } = given;
  return from && command && isText(by) ? { from, by, command } : undefined;
}

/** Reads an answer. Returns undefined for anything else. */
export function readAnswer(body: Uint8Array): Answer | undefined {
  const given = tableOf(body, MAX_ANSWER);
  const instance = instanceOf(given?.['instance']);
  if (!given || !instance) return undefined;
  const { outcome, reason, states, parked, consumers } = given;
  if (!isText(outcome) || !OUTCOMES.includes(outcome)) return undefined;
  const counts = Object.entries(asTable(states)).filter(([state, count]) => STATES.includes(state) && isCount(count));
  const queues = Object.entries(asTable(parked)).filter(([queue, count]) => isText(queue) && isCount(count));
  const listed = Array.isArray(consumers) ? consumers.slice(0, MAX_CONSUMERS).map(listedOf) : [];
  return {
    instance,
    outcome: outcome as Answer['outcome'],
    reason: isText(reason) ? reason : undefined,
    states: Object.fromEntries(counts) as Answer['states'],
    parked: Object.fromEntries(queues.slice(0, MAX_CONSUMERS)) as Answer['parked'],
    consumers: listed.filter((one) => one !== undefined),
  };
}

function commandOf(value: unknown): InstanceCommand | undefined {
  const { kind, queue, handler, prefetch, concurrency } = asTable(value);
  if (kind === 'roll-call' || kind === 'consumers') return { kind };
  if (!isText(queue) || !isText(handler)) return undefined;
  if (kind === 'pause' || kind === 'resume') return { kind, queue, handler };
  if (kind !== 'adjust' || !isCount(prefetch) || !isCount(concurrency)) return undefined;
  return { kind, queue, handler, prefetch, concurrency };
}

function instanceOf(value: unknown): Instance | undefined {
  const { id, host, pid, since, version } = asTable(value);
  if (!isText(id) || !isText(host) || !isText(version) || !isCount(pid) || !isCount(since)) return undefined;
  return { id, host, pid, since, version };
}

function listedOf(value: unknown): ListedConsumer | undefined {
  const { connection, queue, handler, state, prefetch, concurrency, inFlight, handled, failed } = asTable(value);
  if (!isText(connection) || !isText(queue) || !isText(handler) || !isText(state)) return undefined;
  if (!STATES.includes(state) || !isCount(prefetch) || !isCount(concurrency)) return undefined;
  if (!isCount(inFlight) || !isCount(handled) || !isCount(failed)) return undefined;
  const known = state as ConsumerState;
  return { connection, queue, handler, state: known, prefetch, concurrency, inFlight, handled, failed };
}

function tableOf(body: Uint8Array, max: number): Readonly<Record<string, unknown>> | undefined {
  if (body.length > max) return undefined;
  try {
    return asTable(JSON.parse(Buffer.from(body).toString()));
  } catch {
    return undefined;
  }
}

const asTable = (value: unknown): Readonly<Record<string, unknown>> => Object(value) as Record<string, unknown>;
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= MAX_TEXT;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
