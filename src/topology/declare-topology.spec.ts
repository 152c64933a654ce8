import { describe, expect, it } from '@jest/globals';
import { ChannelClosedError, NotFoundError, PreconditionFailedError, type Channel } from '../../lib/client/index.js';
import { bindExchange, bindQueue } from './bindings.js';
import { declareTopology } from './declare-topology.js';
import { topicExchange } from './exchanges.js';
import { classicQueue } from './queues.js';
import { readMismatch, TopologyError, TopologyMismatchError } from './topology.errors.js';

/**
 * Notes what is declared on it, and in which round trip: whatever is asked in one turn is one. As the broker does, it carries
 * out nothing behind `failing`, which rejects with `error`.
 */
function channelThatNotes(failing?: string, error?: Error): { channel: Channel; calls: string[]; trips: number[] } {
  const calls: string[] = [];
  const trips: number[] = [];
  let trip = 0;
  let asking = 0;
  let closed = false;
  const note =
    (method: string) =>
    async (...args: unknown[]): Promise<void> => {
      if (asking++ === 0) trip++;
      trips.push(trip);
      const texts = args.filter((arg) => typeof arg === 'string');
      const call = [method, ...texts, ...(isPassive(args.at(-1)) ? ['?'] : [])].join(' ');
      await new Promise<void>((resolve) => setImmediate(resolve));
      asking--;
      if (closed) throw new ChannelClosedError('closed by the broker meanwhile', 'not-sent');
      calls.push(call);
      closed = call === failing;
      if (closed) throw error;
    };
  const methods = ['exchangeDeclare', 'queueDeclare', 'queueBind', 'exchangeBind'];
  const channel = Object.fromEntries(methods.map((method) => [method, note(method)]));
  return { channel: channel as unknown as Channel, calls, trips };
}

const isPassive = (options: unknown): boolean => (options as { passive?: boolean } | undefined)?.passive === true;

const topology = {
  bindings: [bindQueue('billing', 'orders', 'order.*'), bindExchange('archive', 'orders', '#')],
  queues: [classicQueue('billing')],
  exchanges: [topicExchange('orders'), topicExchange('archive')],
};

describe('declareTopology', () => {
  it('N3.2 declares exchanges, then queues, then bindings, each in one round trip', async () => {
    const { channel, calls, trips } = channelThatNotes();
    await declareTopology([channel], topology);
    expect(calls).toEqual([
      'exchangeDeclare orders topic',
      'exchangeDeclare archive topic',
      'queueDeclare billing',
      'queueBind billing orders order.*',
      'exchangeBind archive orders #',
    ]);
    expect(trips).toEqual([1, 1, 2, 3, 3]);
  });

  it('divides the queues among channels, and keeps entries of one name on one channel', async () => {
    const [first, second] = [channelThatNotes(), channelThatNotes()];
    const queues = ['a', 'b', 'c', 'b', 'd'].map((name) => classicQueue(name));
    await declareTopology([first.channel, second.channel], { ...topology, queues });
    expect(first.calls.filter((call) => call.startsWith('queueDeclare'))).toEqual(['queueDeclare a', 'queueDeclare c']);
    expect(second.calls).toEqual(['queueDeclare b', 'queueDeclare b', 'queueDeclare d']);
  });

  it('names the first wrong queue of several channels, and binds nothing', async () => {
    const late = channelThatNotes('queueDeclare c', new Error('c refused'));
    const early = channelThatNotes('queueDeclare b', new Error('b refused'));
    const queues = ['a', 'b', 'c', 'd', 'e'].map((name) => classicQueue(name));
    const failure = await declareTopology([late.channel, early.channel], { ...topology, queues }).catch(String);
    expect(failure).toContain("Cannot declare queue 'b': b refused.");
    expect(late.calls.at(-1)).toBe('queueDeclare c');
    expect(early.calls).toEqual(['queueDeclare b']);
  });

  it('only looks for exchanges and queues with verify, and names what is missing', async () => {
    const { channel, calls } = channelThatNotes();
    await declareTopology([channel], { ...topology, declare: 'verify' });
    expect(calls).toEqual([
      'exchangeDeclare orders topic ?',
      'exchangeDeclare archive topic ?',
      'queueDeclare billing ?',
    ]);
    const missing = new NotFoundError("404 NOT_FOUND - no queue 'billing'");
    const failing = channelThatNotes('queueDeclare billing ?', missing);
    await expect(declareTopology([failing.channel], { ...topology, declare: 'verify' })).rejects.toThrow(
      "Cannot find queue 'billing': 404 NOT_FOUND - no queue 'billing'. The topology says declare: 'verify'",
    );
  });

  it('leaves the broker alone with none', async () => {
    const { channel, calls } = channelThatNotes();
    await declareTopology([channel], { ...topology, declare: 'none' });
    expect(calls).toEqual([]);
  });

  it('has nothing to do for an empty topology', async () => {
    const { channel, calls } = channelThatNotes();
    await declareTopology([channel], {});
    expect(calls).toEqual([]);
  });

  it.each([
    ['exchangeDeclare archive topic', "exchange 'archive'"],
    ['queueDeclare billing', "queue 'billing'"],
    ['queueBind billing orders order.*', "binding of queue 'billing' to exchange 'orders' with routing key 'order.*'"],
    ['exchangeBind archive orders #', "binding of exchange 'archive' to exchange 'orders' with routing key '#'"],
  ])('names what failed in %s, and stops there', async (failing, entity) => {
    const cause = new Error('refused');
    const { channel, calls } = channelThatNotes(failing, cause);
    const failure = await declareTopology([channel], topology).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TopologyError);
    expect(failure).toMatchObject({ entity, cause, message: `Cannot declare ${entity}: refused.` });
    expect(calls.at(-1)).toBe(failing);
  });

  it.each([
    [
      new PreconditionFailedError('406', { replyText: "inequivalent arg 'durable' for queue" }),
      /'durable' differs.*exists.*not changed/,
    ],
    [new NotFoundError('404 no exchange'), /Add what is missing to the module's topology/],
  ])('says what to do about %s', async (cause, advice) => {
    const { channel } = channelThatNotes('queueDeclare billing', cause);
    await expect(declareTopology([channel], topology)).rejects.toThrow(advice);
  });

  it('names the argument that differs, what is there and what was asked', async () => {
    const replyText =
      "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'billing' in vhost '/': received the value '6' of " +
      "type 'signedint' but current is the value '5' of type 'signedint'";
    const cause = new PreconditionFailedError(`406 ${replyText}`, { replyCode: 406, replyText });
    const { channel } = channelThatNotes('queueDeclare billing', cause);
    const failure = await declareTopology([channel], topology).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TopologyMismatchError);
    expect(failure).toMatchObject({ entity: "queue 'billing'", argument: 'x-max-length', expected: '6', actual: '5' });
    expect((failure as Error).message).toContain("Its 'x-max-length' is 5, and the topology asks for 6.");
  });

  // What RabbitMQ 3.10 and 4 write, and a vhost and queue that make it hard.
  it.each([
    [
      "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'",
      { argument: 'durable', expected: 'true', actual: 'false' },
    ],
    [
      "inequivalent arg 'type' for exchange 'e' in vhost '/': received 'topic' but current is 'fanout'",
      { argument: 'type', expected: 'topic', actual: 'fanout' },
    ],
    [
      "inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received none but current is the value '1' of type 'signedint'",
      { argument: 'x-message-ttl', expected: 'none', actual: '1' },
    ],
    [
      "inequivalent arg 'x-queue-type' for queue 'it''s: received' in vhost 'a but b': received the value 'quorum' of type 'longstr' but current is none",
      { argument: 'x-queue-type', expected: 'quorum', actual: 'none' },
    ],
    [
      "inequivalent arg 'x-expires' for queue 'qqq...",
      { argument: 'x-expires', expected: undefined, actual: undefined },
    ],
    ["invalid arg 'x-expires' for queue 'q' in vhost '/': {value_negative,-1}", undefined],
  ])('reads %s', (text, mismatch) => {
    expect(readMismatch(`PRECONDITION_FAILED - ${text}`)).toEqual(mismatch);
  });
});
