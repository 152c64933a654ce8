import { FrameType } from '../../../lib/protocol/spec.js';
import { emptyArguments } from '../../conformance/support/raw-client.js';
import { CONTENT_FAULTS, MALFORMED } from './frame-faults.js';
import { nameOfSize, type Peer } from './peer.js';
import type { Player } from './player.js';
import {
  ALL,
  bit,
  CLIENTS,
  EXCHANGES,
  exchangeAndQueue,
  exchanges,
  extremes,
  key,
  named,
  of,
  PROPERTIES,
  QUEUE_ARGUMENTS,
  queueFlags,
  QUEUES,
  SIZES,
  TAGS,
  TYPES,
  WITHOUT_CONTENT,
  type Step,
} from './vocabulary.js';

/** Returns a delivery tag that is outstanding, or an unknown one. */
function tagOf({ peer, ch }: { readonly peer: Peer; readonly ch: number }, a: number): number {
  const outstanding = [...(peer.channel(ch)?.deliveries.unacked.keys() ?? [])];
  if (a >= 0xf0 || outstanding.length === 0) return of([0, 1, 2, 99, Number.MAX_SAFE_INTEGER], a);
  return of(outstanding, a);
}

/** Publishes a message, with its body in frames of the negotiated size. */
function publish({ player, peer, ch }: Parameters<Step>[0], a: number, b: number): void {
  const exchange = bit(a, 0) ? named(player, of(EXCHANGES, a >> 1)) : '';
  const size = of(SIZES, b >> 4);
  const args = { exchange, routingKey: key(player, a >> 2), mandatory: bit(b, 3), immediate: b === 0xff };
  peer.method(ch, 'basic.publish', args);
  let properties = of(PROPERTIES, b);
  if (properties.headers?.['CC'] !== undefined && Array.isArray(properties.headers['CC'])) {
    properties = { headers: { CC: [named(player, 'q1')], BCC: [named(player, 'q2'), 7] } };
  }
  peer.header(ch, nameOfSize(player.next(), size), size, properties);
  for (let left = size; left > 0; left -= MOST) peer.body(ch, Math.min(left, MOST));
}

/** The largest payload of a body frame, in bytes. */
const MOST = 4_088;

const STEPS: Readonly<Record<string, Step>> = {
  open: ({ peer, ch }) => peer.method(ch, 'channel.open'),
  close: ({ peer, ch }, a) => peer.method(ch, 'channel.close', { replyCode: a, replyText: 'bye', classId: a, methodId: a }), // prettier-ignore
  declareQueue: ({ player, peer, ch }, a, b) => {
    const queue = named(player, of(QUEUES, a));
    peer.method(ch, 'queue.declare', { queue, ...queueFlags(b), arguments: of(QUEUE_ARGUMENTS, a >> 4) });
  },
  deadLetters: ({ player, peer, ch }, a) => peer.method(ch, 'queue.declare', { queue: named(player, of(['q0', 'q1', 'q2'], a)), arguments: { 'x-dead-letter-exchange': named(player, of(['', 'amq.fanout', 'x0', 'missing'], a >> 2)), 'x-max-length': a >> 6, ...(bit(a, 5) && { 'x-dead-letter-routing-key': named(player, 'q1') }) } }), // prettier-ignore
  deleteQueue: ({ player, peer, ch }, a, b) => peer.method(ch, 'queue.delete', { queue: named(player, of(QUEUES, a)), ifUnused: bit(b, 0), ifEmpty: bit(b, 1), noWait: bit(b, 2) }), // prettier-ignore
  purge: ({ player, peer, ch }, a, b) => peer.method(ch, 'queue.purge', { queue: named(player, of(QUEUES, a)), noWait: bit(b, 0) }), // prettier-ignore
  bind: ({ player, peer, ch }, a, b) => peer.method(ch, 'queue.bind', { ...exchangeAndQueue(player, a, b), noWait: bit(b, 7) }), // prettier-ignore
  unbind: ({ player, peer, ch }, a, b) => peer.method(ch, 'queue.unbind', exchangeAndQueue(player, a, b)),
  declareExchange: ({ player, peer, ch }, a, b) => peer.method(ch, 'exchange.declare', { exchange: named(player, of(EXCHANGES, a)), type: of(TYPES, a >> 4), passive: (b & 3) === 3, durable: bit(b, 2), autoDelete: bit(b, 3), internal: (b & 0x30) === 0x30, noWait: bit(b, 6) }), // prettier-ignore
  deleteExchange: ({ player, peer, ch }, a, b) => peer.method(ch, 'exchange.delete', { exchange: named(player, of(EXCHANGES, a)), ifUnused: bit(b, 0), noWait: bit(b, 1) }), // prettier-ignore
  bindExchange: ({ player, peer, ch }, a, b) => peer.method(ch, 'exchange.bind', exchanges(player, a, b)),
  unbindExchange: ({ player, peer, ch }, a, b) => peer.method(ch, 'exchange.unbind', exchanges(player, a, b)),
  publish,
  publishMany: (at, a, b) => {
    for (let count = 0; count < a % 20; count++) publish(at, 4 * b, 0x20);
  },
  consume: ({ player, peer, ch }, a, b) => {
    const consumerTag = of(TAGS, b);
    const priority = bit(b, 7) ? { arguments: { 'x-priority': bit(b, 6) ? 'high' : 5 } } : {};
    // With no-wait, a tag that the broker makes up would stay unknown.
    peer.method(ch, 'basic.consume', { queue: named(player, of(QUEUES, a)), consumerTag, noAck: bit(a, 4), exclusive: (a & 0xe0) === 0xe0, noWait: bit(b, 5) && consumerTag !== '', ...priority }); // prettier-ignore
  },
  cancel: ({ peer, ch }, a, b) => peer.method(ch, 'basic.cancel', { consumerTag: of(TAGS, a), noWait: bit(b, 0) }),
  get: ({ player, peer, ch }, a, b) => peer.method(ch, 'basic.get', { queue: named(player, of(QUEUES, a)), noAck: bit(b, 0) }), // prettier-ignore
  ack: (at, a, b) => at.peer.method(at.ch, 'basic.ack', { deliveryTag: tagOf(at, a), multiple: bit(b, 0) }),
  nack: (at, a, b) => at.peer.method(at.ch, 'basic.nack', { deliveryTag: tagOf(at, a), multiple: bit(b, 0), requeue: bit(b, 1) }), // prettier-ignore
  reject: (at, a, b) => at.peer.method(at.ch, 'basic.reject', { deliveryTag: tagOf(at, a), requeue: bit(b, 0) }),
  recover: ({ peer, ch }, a) => peer.method(ch, bit(a, 0) ? 'basic.recover' : 'basic.recoverAsync', { requeue: a < 0xe0 }), // prettier-ignore
  qos: ({ peer, ch }, a, b) => peer.method(ch, 'basic.qos', { prefetchCount: of([1, 2, 5, 0, 0xffff], a), global: (b & 7) === 7, prefetchSize: b === 0xff ? 1 : 0 }), // prettier-ignore
  confirmSelect: ({ peer, ch }, a) => peer.method(ch, 'confirm.select', { noWait: bit(a, 0) }),
  txSelect: ({ peer, ch }) => peer.method(ch, 'tx.select'),
  txEnd: ({ peer, ch }, a) => peer.method(ch, bit(a, 0) ? 'tx.commit' : 'tx.rollback'),
  flow: ({ peer, ch }, a) => peer.method(ch, 'channel.flow', { active: a < 0xe0 }),
  extremes: ({ peer, ch }, a) => {
    const name = of(CLIENTS, a);
    peer.method(ch, name, extremes(name));
  },
  anyMethod: ({ peer, ch }, a) => peer.method(ch, of(WITHOUT_CONTENT, a)),
  brokersContent: ({ peer, ch, player }, a) => {
    peer.method(ch, of(['basic.deliver', 'basic.return', 'basic.getOk'] as const, a));
    peer.header(ch, nameOfSize(player.next(), 0), 0);
  },
  control: ({ peer }, a, b) => {
    const name = of(ALL, a);
    if (name === 'connection.close' || name === 'connection.closeOk') return;
    peer.method(0, name, bit(b, 0) ? extremes(name) : emptyArguments(name));
  },
  controlContent: ({ peer, player }, a) => {
    if (bit(a, 0)) peer.header(0, nameOfSize(player.next(), 1), 1);
    else peer.body(0, 5);
  },
  content: (at, a, b) => {
    // RabbitMQ checks the order of frames on a channel that it has closed, too.
    if (at.peer.channel(at.ch)?.state === 'open') return of(CONTENT_FAULTS, a)(at, a, b);
  },
  malformed: (at, a, b) => of(MALFORMED, a)(at, a, b),
  unknownMethod: ({ peer, ch }, a) => peer.frame('unknown method', FrameType.method, bit(a, 0) ? ch : 0, of([Buffer.of(0, 60, 0, 99), Buffer.of(0, 77, 0, 10), Buffer.of(0xff, 0xff, 0xff, 0xff)], a >> 1)), // prettier-ignore
  nowhere: ({ peer }, a, b) => {
    const name = of(CLIENTS, a);
    peer.method(50 + (b % 1_900), name, bit(b, 0) ? extremes(name) : {});
  },
  nowhereContent: ({ peer, player }, a, b) => {
    const channel = 50 + b;
    // RabbitMQ answers a publish when it has come whole.
    if (bit(a, 0)) peer.method(channel, 'basic.publish');
    if (bit(a, 1)) peer.header(channel, nameOfSize(player.next(), 1), 1);
    if (bit(a, 0) || bit(a, 2)) peer.body(channel, 1);
  },
  closeConnection: ({ peer }, a) => peer.method(0, 'connection.close', { replyCode: 200 + a, replyText: 'bye' }),
  closeOk: ({ peer, ch }, a) => (bit(a, 0) ? peer.method(0, 'connection.closeOk') : peer.method(ch, 'channel.closeOk')),
  // A frame that is still on its way may be lost with the socket, so the broker answers first.
  cut: async ({ player, peer }) => {
    await player.settle();
    peer.cut();
  },
  handshake: ({ player }, a) => player.shakeHandsWrongly(a),
  pass: ({ player }, a) => player.pass(a),
};

const NAMES = Object.keys(STEPS);

/** Bytes of a step: the kind of step, the place, and two arguments. */
const STEP_SIZE = 4;
/** Steps of a program that are played. Bytes behind them are ignored. */
const MAX_STEPS = 60;

/** Flags of a step's second byte, beside the peer (bit 0) and the channel (bits 1 and 2). */
export const WHERE = {
  /** The player does not open the channel first. */
  asItIs: 0x40,
  /** The next step follows before the broker has answered. */
  pipelined: 0x80,
};

/** Encodes a program: name, two arguments and place of each step. The first byte selects how the session is played. */
export function program(
  how: number,
  ...steps: readonly (readonly [name: string, a?: number, b?: number, where?: number])[]
): Buffer {
  // prettier-ignore
  const bytes = steps.flatMap(([name, a = 0, b = 0, where = 0]) => {
    const op = NAMES.indexOf(name);
    if (op < 0) throw new Error(`no step '${name}'`);
    return [op, where, a, b];
  });
  return Buffer.from([how, ...bytes]);
}

/** Returns a random program of the full length. Valid steps are more frequent than steps that end a connection. */
export function drawnProgram(random: () => number): Buffer {
  const byte = (): number => Math.floor(random() * 256);
  const gentle = NAMES.indexOf('extremes');
  const steps = Array.from({ length: MAX_STEPS }, () => [
    Math.floor(random() * (random() < 0.85 ? gentle : NAMES.length)),
    (random() < 0.7 ? byte() & 0x86 : byte()) & (random() < 0.5 ? 0x7f : 0xff),
    byte(),
    byte(),
  ]);
  return Buffer.from([byte(), ...steps.flat()]);
}

/** Plays a program and ends its session. */
export async function play(player: Player, bytes: Buffer): Promise<void> {
  for (let at = 0; at + STEP_SIZE <= Math.min(bytes.length, STEP_SIZE * MAX_STEPS); at += STEP_SIZE) {
    const [op, where, a, b] = bytes.subarray(at, at + STEP_SIZE) as unknown as [number, number, number, number];
    const peer = await player.peer(where & 1);
    const ch = 1 + (((where >> 1) & 3) % 3);
    // A frame between channel.close and its answer could go to the old channel or to a new one.
    if (peer.isLeavingChannels) await player.settle();
    const there = peer.channel(ch);
    if ((where & WHERE.asItIs) === 0 && !there) peer.method(ch, 'channel.open');
    await STEPS[NAMES[op % NAMES.length]!]!({ player, peer, ch }, a, b);
    if ((where & WHERE.pipelined) === 0) await player.settle();
  }
  const own = (names: readonly string[]): string[] =>
    names.filter((name) => name !== '' && !name.startsWith('amq.')).map((name) => named(player, name));
  await player.finish(own(QUEUES), own(EXCHANGES));
}
