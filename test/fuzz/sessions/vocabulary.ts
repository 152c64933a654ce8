import type { FieldTable } from '../../../lib/protocol/field-table.js';
import { methods } from '../../../lib/protocol/spec.js';
import type { MessageProperties, MethodArguments, MethodName } from '../../../lib/protocol/types.js';
import type { Peer } from './peer.js';
import type { Player } from './player.js';

/** One step: an action of a client on a channel. The bytes `a` and `b` select names and options. */
export type Step = (at: { readonly player: Player; readonly peer: Peer; readonly ch: number }, a: number, b: number) => void | Promise<void>; // prettier-ignore

export const of = <T>(items: readonly T[], arg: number): T => items[arg % items.length]!;
export const bit = (arg: number, index: number): boolean => ((arg >> index) & 1) === 1;

const LONG = 'n'.repeat(200);
/** Names of the session, which get its prefix, and names that are not allowed. */
export const QUEUES = ['q0', 'q1', 'q2', 'q0', 'q1', '', 'q0\r\n', LONG, 'missing', 'amq.own'];
export const EXCHANGES = ['x0', 'x1', 'x0', 'amq.direct', 'amq.fanout', 'amq.topic', 'amq.headers', 'x1\n', '', 'missing', 'amq.own', 'x2']; // prettier-ignore
/** Destinations of bindings between exchanges. The session deletes them, and the bindings with them. */
const DESTINATIONS = ['x0', 'x1', 'x2', '', 'missing'];
export const TYPES = ['direct', 'fanout', 'topic', 'headers', 'direct', 'nonsense', ''];
export const TAGS = ['', 'one', 'two', 'three', 'one'];
export const QUEUE_ARGUMENTS: readonly FieldTable[] = [
  {},
  {},
  { 'x-max-length': 3 },
  { 'x-message-ttl': 50 },
  { 'x-max-priority': 5 },
  { 'x-max-length': -1 },
  { 'x-message-ttl': 'soon' },
  { 'x-custom': { deep: [1, { deeper: null }] } },
];
const BINDING_ARGUMENTS: readonly FieldTable[] = [{}, {}, { 'x-match': 'any', h: 1 }, { h: 1, other: 'x' }];
export const PROPERTIES: readonly MessageProperties[] = [
  {},
  { deliveryMode: 2 },
  { headers: { h: 1 }, priority: 9 },
  { headers: { h: 1, other: 'x' } },
  {},
  { expiration: '20' },
  { expiration: 'soon' },
  { userId: 'guest' },
  { userId: 'somebody' },
  { headers: { CC: ['q1'], BCC: ['q2', 7] } },
  { headers: { CC: 'q1' } },
  { replyTo: 'amq.rabbitmq.reply-to' },
  { expiration: '-1', userId: 'somebody' },
];
export const SIZES = [0, 1, 20, 4_088, 4_089, 9_000];
const KEYS = ['q0', 'q1', 'q2', 'a.b', '#', '*.b', '', 'nowhere'];

/** Returns a name with the session's prefix; a name that is not allowed stays as it is. */
export function named({ prefix }: Player, name: string): string {
  return name === '' || name.startsWith('amq.') ? name : prefix + name;
}

export function key(player: Player, arg: number): string {
  const text = of(KEYS, arg);
  return /^q\d$/.test(text) ? named(player, text) : text;
}

export function queueFlags(
  b: number,
): Pick<MethodArguments<'queue.declare'>, 'passive' | 'durable' | 'exclusive' | 'autoDelete' | 'noWait'> {
  // prettier-ignore
  return { passive: (b & 7) === 7, durable: bit(b, 3), exclusive: (b & 0x30) === 0x30, autoDelete: (b & 0x50) === 0x50, noWait: (b & 0x87) === 0x80 }; // prettier-ignore
}

export const exchangeAndQueue = (player: Player, a: number, b: number) => ({
  exchange: named(player, of(EXCHANGES, a)),
  queue: named(player, of(QUEUES, a >> 4)),
  routingKey: key(player, b),
  arguments: of(BINDING_ARGUMENTS, b >> 4),
});

export const exchanges = (player: Player, a: number, b: number) => ({
  source: named(player, of(EXCHANGES, a)),
  destination: named(player, of(DESTINATIONS, a >> 4)),
  routingKey: key(player, b),
  noWait: bit(b, 7),
  arguments: of(BINDING_ARGUMENTS, b >> 4),
});

/** All methods, also those that only a broker sends and those that are wrong on a channel or on channel 0. */
export const ALL = Object.keys(methods) as MethodName[];
export const WITHOUT_CONTENT = ALL.filter((name) => !('content' in methods[name]));
export const CLIENTS: readonly MethodName[] = WITHOUT_CONTENT.filter(
  (name) => !/^connection\.|Ok$|Empty$|^basic\.(deliver|return)$|^channel\.(open|close)$/.test(name),
);

/** Returns arguments of a method with their largest values. */
export function extremes(name: MethodName): Partial<MethodArguments<MethodName>> {
  const kinds: Readonly<Record<string, unknown>> = {
    octet: 0xff,
    short: 0xffff,
    long: 0xffff_ffff,
    longlong: Number.MAX_SAFE_INTEGER,
    shortstr: 'n'.repeat(255),
    longstr: Buffer.alloc(1_000, 'l'),
    table: { 'x-custom': Array.from({ length: 20 }, (_, index) => ({ index, text: 'ä'.repeat(10) })) },
    bit: true,
  };
  const args = Object.entries(methods[name].args as Record<string, string>).filter(
    ([arg]) => !arg.startsWith('reserved'),
  );
  return Object.fromEntries(args.map(([arg, kind]) => [arg, kinds[kind]])) as Partial<MethodArguments<MethodName>>;
}
