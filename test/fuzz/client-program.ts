import {
  MessageReturnedError,
  PublishNackedError,
  type Channel,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
} from '../../lib/client/index.js';
import { replyCodes } from '../../lib/protocol/spec.js';
import { OWN, turn, type ClientWorld } from './client-world.js';

/** One step of a program: an action of the user or of the broker. The byte `arg` selects the object or the variant. */
type Step = (world: ClientWorld, arg: number) => unknown;

const CODES = Object.values(replyCodes).map(({ code }) => code);
const QUEUES = ['q', 'q', 'other', 'empty'];

const of = <T>(items: readonly T[], arg: number): T | undefined => items[arg % Math.max(1, items.length)];
const bit = (arg: number, index: number): boolean => ((arg >> index) & 1) === 1;

/** Returns a handler that deals with its delivery in the way that `arg` selects. */
function handler(world: ClientWorld, arg: number): (delivery: Delivery) => unknown {
  const settle = (delivery: Delivery, how: number): void => {
    if (delivery.settled) return;
    if (how <= 1) world.books.userAcks(delivery.routingKey, how === 1);
    if (how === 2) world.books.userNacksUpTo(delivery.routingKey);
    if (how === 0) delivery.ack();
    else if (how === 1) delivery.ack({ multiple: true });
    else if (how === 2) delivery.nack({ multiple: true });
    else if (how === 3) delivery.nack({ requeue: false });
    else delivery.reject({ requeue: true });
  };
  const how = (arg >> 3) % 5;
  return (delivery) => {
    try {
      // Malformed properties throw a WireError.
      void [delivery.properties, delivery.encodedHeaders, delivery.text()];
    } catch (error) {
      if ((error as Error).name !== 'WireError') throw error;
    }
    switch (arg & 7) {
      case 0:
      case 1:
        return settle(delivery, how);
      case 2:
        return turn().then(() => settle(delivery, how));
      case 3:
        return new Promise<void>((resolve) => world.wakes.push(resolve)).then(() => settle(delivery, how));
      case 4:
        throw OWN;
      case 5:
        return Promise.reject(OWN);
      case 6:
        world.held.push(delivery);
        return;
      default:
        settle(delivery, how);
        // A second settlement throws AlreadySettledError, so the handler fails.
        return delivery.ack();
    }
  };
}

function consumeOptions(arg: number): ConsumeOptions {
  return {
    ...(bit(arg, 0) && { noAck: true }),
    ...(bit(arg, 1) && { concurrency: 1 + ((arg >> 2) & 1) }),
    ...(bit(arg, 3) && { prefetch: arg % 50 }),
    ...(bit(arg, 4) && { exclusive: true }),
    ...(bit(arg, 5) && { consumerTag: `own-${arg}` }),
    ...(bit(arg, 6) && { onCancel: () => undefined }),
    ...(bit(arg, 7) && { timeout: 500 }),
  };
}

const user: readonly Step[] = [
  function openChannel(world, arg) {
    if (world.channels.length > 8) return;
    void world.call('openChannel', async () => {
      const channel = await world.connection!.openChannel({
        confirm: bit(arg, 0),
        republishUnconfirmed: bit(arg, 1),
        whenUnavailable: bit(arg, 2) ? 'fail' : 'wait',
        maxUnconfirmed: bit(arg, 3) ? 3 : 100,
        restore: !bit(arg, 4),
        prefetch: arg >> 5,
      });
      void world.call(`closed of channel ${channel.id}`, () => channel.closed);
      world.channels.push(channel);
    });
  },
  onChannel('consume', async (world, channel, arg) => {
    keep(world, await channel.basicConsume(of(QUEUES, arg)!, handler(world, arg * 7), consumeOptions(arg)));
  }),
  onChannel('consume again', async (world, channel, arg) => {
    keep(world, await channel.basicConsume('q', handler(world, arg), consumeOptions(arg & 0b1010)));
  }),
  onChannel('iterate', (world, channel, arg) => {
    world.iterators.push(channel.consume('q', bit(arg, 0) ? { noAck: true } : {}));
  }),
  function next(world, arg) {
    const iterator = of(world.iterators, arg);
    if (iterator) void world.call('next', async () => void world.held.push(...values(await iterator.next())));
  },
  function leave(world, arg) {
    const iterator = of(world.iterators, arg);
    if (iterator) void world.call('return', () => iterator.return!());
  },
  function cancel(world, arg) {
    void world.call('cancel', () => of(world.consumers, arg)?.cancel(bit(arg, 7) ? { timeout: 200 } : {}));
  },
  function settleHeld(world, arg) {
    const [delivery] = world.held.splice(arg % 4, 1);
    if (delivery && !delivery.settled) world.books.userAcks(delivery.routingKey, bit(arg, 3));
    void world.call('settle', () => delivery?.ack({ multiple: bit(arg, 3) }));
  },
  function wake(world, arg) {
    for (const done of world.wakes.splice(0, 1 + (arg % 8))) done();
  },
  onChannel('publish', (world, channel, arg) => {
    for (let count = 0; count <= (arg & 3); count++) publish(world, channel, arg + count);
  }),
  onChannel('publish many', (world, channel, arg) => {
    for (let count = 0; count < arg; count++) publish(world, channel, 0);
  }),
  function abort(world) {
    for (const signal of world.signals.splice(0)) signal.abort(OWN);
  },
  onChannel('get', async (world, channel, arg) => {
    const delivery = await channel.basicGet(of(QUEUES, arg)!, bit(arg, 4) ? { timeout: 100 } : { noAck: bit(arg, 5) });
    if (delivery) world.held.push(delivery);
  }),
  onChannel('topology', async (_, channel, arg) => {
    const calls = [
      () => channel.queueDeclare('q', { autoDelete: bit(arg, 4) }),
      () => channel.queueDeclare('', { exclusive: true }),
      () => channel.exchangeDeclare('x', 'topic', { autoDelete: bit(arg, 4) }),
      () => channel.queueBind('q', 'x', '#'),
      () => channel.queueUnbind('q', 'x', '#'),
      () => channel.exchangeBind('y', 'x'),
      () => channel.queuePurge('q'),
      () => channel.queueDelete('q'),
      () => channel.exchangeDelete('x'),
    ];
    await calls[arg % calls.length]!();
  }),
  onChannel('acknowledgement mode', async (_, channel, arg) => {
    const calls = [
      () => channel.confirmSelect(),
      () => channel.basicQos(arg % 5),
      () => channel.basicRecover(),
      () => channel.basicRecoverAsync(),
      () => channel.txSelect(),
      () => channel.txCommit({ timeout: 1_000 }),
      () => channel.txRollback({ timeout: 1_000 }),
      () => channel.channelFlow(bit(arg, 4)),
      () => channel.waitForConfirms({ timeout: 1_000 }),
    ];
    await calls[arg % calls.length]!();
  }),
  onChannel('close', async (world, channel, arg) => {
    world.channels.splice(world.channels.indexOf(channel), 1);
    await channel.close({ timeout: arg * 10 });
  }),
  function connectionCalls(world, arg) {
    const [connection, timeout] = [world.connection!, 1_000];
    if (arg % 3 === 0) void world.call('drainEvents', () => connection.drainEvents({ timeout }));
    else if (arg % 3 === 1) connection.sendHeartbeat();
    else void world.call('updateSecret', () => connection.updateSecret('s', 'r', { timeout }));
  },
  function trace(world, arg) {
    world.trace(bit(arg, 0));
  },
];

/** Returns a step that calls a method of one of the channels. */
function onChannel(what: string, act: (world: ClientWorld, channel: Channel, arg: number) => unknown): Step {
  return (world, arg) => {
    const channel = of(world.channels, arg >> 6);
    if (channel) void world.call(what, () => act(world, channel, arg));
  };
}

function publish(world: ClientWorld, channel: Channel, arg: number): void {
  const signal = new AbortController();
  if (bit(arg, 2)) world.signals.push(signal);
  const name = bit(arg, 3) ? world.books.newName('p') : undefined;
  void world.call('publish', () =>
    hear(
      world,
      name,
      channel.publish(
        bit(arg, 5) ? 'x' : '',
        bit(arg, 4) ? 'nowhere' : 'q',
        Buffer.alloc(bit(arg, 6) ? 6_000 : arg, 'b'),
        {
          mandatory: bit(arg, 4),
          ...(name !== undefined && { messageId: `m${arg}`, correlationId: name }),
          ...(bit(arg, 2) && { signal: signal.signal }),
          ...(bit(arg, 7) && { timeout: 300 }),
        },
      ),
    ),
  );
}

/** Notes the outcome of a publish that the user receives. */
async function hear({ books }: ClientWorld, name: string | undefined, publishing: Promise<number>): Promise<void> {
  try {
    const tag = await publishing;
    if (name !== undefined && tag > 0) books.userHears(name, 'ack');
  } catch (error) {
    if (name !== undefined && error instanceof PublishNackedError) books.userHears(name, 'nack');
    if (name !== undefined && error instanceof MessageReturnedError) books.userHears(name, 'return');
    throw error;
  }
}

function keep(world: ClientWorld, consumer: Consumer): void {
  void world.call('closed of a consumer', () => consumer.closed);
  world.consumers.push(consumer);
}

function values(result: IteratorResult<Delivery, undefined>): Delivery[] {
  return result.done === true ? [] : [result.value];
}

const broker: readonly Step[] = [
  function deliver(world, arg) {
    deliverTo(world, arg, 1 + (arg & 15));
  },
  function flood(world, arg) {
    deliverTo(world, arg, arg * 2);
  },
  function deliverStrangely({ session, books }, arg) {
    books.tainted = true;
    const args = {
      consumerTag: bit(arg, 0) ? 'nobody' : 'own-1',
      deliveryTag: arg,
      redelivered: true,
    };
    session?.sayContent(1 + (arg >> 6), 'basic.deliver', { ...args, exchange: '', routingKey: '' }, {}, Buffer.of(arg));
  },
  function confirm({ session }, arg) {
    for (const [id, channel] of session?.channels ?? []) {
      if (!channel.confirms || channel.confirmed >= channel.published) continue;
      const multiple = bit(arg, 0);
      const deliveryTag = bit(arg, 1) ? channel.published - (bit(arg, 2) ? 1 : 0) : ++channel.confirmed;
      if (bit(arg, 3))
        session!.say(id, 'basic.nack', {
          deliveryTag,
          multiple,
          requeue: false,
        });
      else
        session!.say(id, 'basic.ack', {
          deliveryTag: bit(arg, 4) && multiple ? 0 : deliveryTag,
          multiple,
        });
      if (multiple) channel.confirmed = bit(arg, 4) ? channel.published : deliveryTag;
    }
  },
  function giveBack({ session }, arg) {
    for (const [id, { last }] of session?.channels ?? []) {
      if (!last) continue;
      const { exchange, routingKey } = last.args;
      const args = {
        replyCode: 312,
        replyText: 'NO_ROUTE',
        exchange,
        routingKey,
      };
      session!.sayContent(id, 'basic.return', args, bit(arg, 0) ? {} : last.properties, last.body);
    }
  },
  function cancelConsumer({ session }, arg) {
    for (const [id, { consumers }] of session?.channels ?? []) {
      const consumerTag = consumers.splice(arg % 3, 1)[0];
      if (consumerTag !== undefined) session!.say(id, 'basic.cancel', { consumerTag, noWait: true });
    }
  },
  function closeChannel({ session }, arg) {
    const id = of([...(session?.channels.keys() ?? [])], arg >> 5);
    if (id === undefined) return;
    const [classId, methodId] = of([[60, 40], [60, 20], [50, 10], [0, 0]] as const, arg)!; // prettier-ignore
    const replyText = bit(arg, 4) ? "NOT_FOUND - no exchange 'x' in vhost '/'" : 'closed';
    session!.channels.delete(id);
    session!.say(id, 'channel.close', {
      replyCode: of(CODES, arg)!,
      replyText,
      classId,
      methodId,
    });
  },
  function closeConnection({ session }, arg) {
    session?.say(0, 'connection.close', {
      replyCode: of(CODES, arg)!,
      replyText: 'bye',
      classId: 0,
      methodId: 0,
    });
    if (bit(arg, 7)) session?.hangUp();
  },
  function hangUp({ session }) {
    session?.hangUp();
  },
  function cut({ session }) {
    session?.cut();
  },
  function block({ session }, arg) {
    if (bit(arg, 0)) session?.say(0, 'connection.unblocked', {});
    else session?.say(0, 'connection.blocked', { reason: 'memory' });
  },
  function flow({ session }, arg) {
    for (const id of session?.channels.keys() ?? []) session!.say(id, 'channel.flow', { active: bit(arg, 0) });
  },
  function hold({ behaviour, session }, arg) {
    behaviour.holding = !behaviour.holding;
    if (behaviour.holding) return;
    if (bit(arg, 0)) session?.drop();
    else session?.release();
  },
  function confirming({ behaviour }) {
    behaviour.confirming = !behaviour.confirming;
  },
  function mutateNext({ behaviour }, arg) {
    behaviour.mutation = arg;
  },
  function refuse({ behaviour }, arg) {
    behaviour.refusals = arg % 4;
  },
  function refuseMethod({ behaviour }, arg) {
    const method = of(['basic.consume', 'channel.open', 'queue.declare', 'basic.qos'] as const, arg & 3)!;
    behaviour.refusing = {
      method,
      times: (arg >> 2) & 7,
      code: of([403, 404, 405, 406, 541], arg >> 5)!,
    };
  },
  function tune({ behaviour }, arg) {
    behaviour.tune = {
      channelMax: arg & 7,
      frameMax: bit(arg, 3) ? 4_096 : 131_072,
      heartbeat: arg >> 6,
    };
  },
  function junk({ session }, arg) {
    session?.junk(Buffer.of(arg, 0, 1, 0, 0, 0, arg & 3, arg, arg, arg, 0xce));
  },
];

function deliverTo({ session }: ClientWorld, arg: number, count: number): void {
  for (const [id, channel] of session?.channels ?? []) {
    const consumerTag = of(channel.consumers, arg);
    if (consumerTag === undefined) continue;
    for (let sent = 0; sent < count; sent++) {
      if (bit(arg, 4)) channel.nextTag += arg;
      const args = {
        consumerTag,
        deliveryTag: channel.nextTag++,
        redelivered: bit(arg, 5),
        exchange: '',
        routingKey: 'k',
      };
      const body = Buffer.alloc(bit(arg, 6) ? 6_000 : arg % 40);
      session!.sayContent(id, 'basic.deliver', args, bit(arg, 7) ? { headers: { n: arg } } : {}, body);
    }
  }
}

const time: readonly Step[] = [
  (world, arg) => world.pass(arg + 1, 50),
  (world, arg) => world.pass(arg * 40, 500),
  async (_, arg) => {
    for (let turns = 0; turns < (arg & 7); turns++) await turn();
  },
];

const STEPS: readonly Step[] = [...user, ...broker, ...time];
const NAMES = [...user, ...broker].map(({ name }) => name);

/** The byte of each step, by the name of its function or its place among the steps of time. */
export const OP = {
  openChannel: 0,
  consume: 1,
  consumeAgain: 2,
  iterate: 3,
  next: 4,
  leave: 5,
  cancel: 6,
  settleHeld: 7,
  wake: 8,
  publish: 9,
  publishMany: 10,
  abort: 11,
  get: 12,
  topology: 13,
  mode: 14,
  close: 15,
  connectionCall: 16,
  ...Object.fromEntries(broker.map(({ name }, index) => [name, user.length + index])),
  pass: NAMES.length,
  passLong: NAMES.length + 1,
  turns: NAMES.length + 2,
} as Record<string, number>;

/** Returns the same step, in one turn of the event loop with the step that follows. */
export const inOneTurn = (op: number): number => op + STEPS.length * Math.ceil((128 - op) / STEPS.length);

/** Steps of a program that are played. Bytes behind them are ignored. */
const MAX_STEPS = 80;

/** Plays a program: two bytes a step. */
export async function play(world: ClientWorld, program: Buffer): Promise<void> {
  for (let at = 0; at + 1 < Math.min(program.length, 2 * MAX_STEPS); at += 2) {
    if (!world.connection) return;
    await STEPS[program[at]! % STEPS.length]!(world, program[at + 1]!);
    // Half of the steps happen in one turn with the step that follows.
    if (program[at]! < 128) await turn();
  }
}
