import { describe, expect, it } from '@jest/globals';
import { NotFoundError, PreconditionFailedError, type Channel } from '../../lib/client/index.js';
import { bindExchange, bindQueue } from './bindings.js';
import { declareTopology } from './declare-topology.js';
import { topicExchange } from './exchanges.js';
import { classicQueue } from './queues.js';
import { TopologyError } from './topology.error.js';

/** Notes what is declared on it; `failing` rejects with `error`. */
function channelThatNotes(failing?: string, error?: Error): { channel: Channel; calls: string[] } {
  const calls: string[] = [];
  let running = 0;
  const note =
    (method: string) =>
    async (...args: unknown[]): Promise<void> => {
      expect(++running).toBe(1);
      await Promise.resolve();
      running--;
      const call = [
        method,
        ...args.filter((arg) => typeof arg === 'string'),
        ...(isPassive(args.at(-1)) ? ['?'] : []),
      ].join(' ');
      calls.push(call);
      if (call === failing) throw error;
    };
  const methods = ['exchangeDeclare', 'queueDeclare', 'queueBind', 'exchangeBind'];
  const channel = Object.fromEntries(methods.map((method) => [method, note(method)]));
  return { channel: channel as unknown as Channel, calls };
}

const isPassive = (options: unknown): boolean => (options as { passive?: boolean } | undefined)?.passive === true;

const topology = {
  bindings: [bindQueue('billing', 'orders', 'order.*'), bindExchange('archive', 'orders', '#')],
  queues: [classicQueue('billing')],
  exchanges: [topicExchange('orders'), topicExchange('archive')],
};

describe('declareTopology', () => {
  it('declares exchanges, then queues, then bindings, one at a time', async () => {
    const { channel, calls } = channelThatNotes();
    await declareTopology(channel, topology);
    expect(calls).toEqual([
      'exchangeDeclare orders topic',
      'exchangeDeclare archive topic',
      'queueDeclare billing',
      'queueBind billing orders order.*',
      'exchangeBind archive orders #',
    ]);
  });

  it('only looks for exchanges and queues with verify, and names what is missing', async () => {
    const { channel, calls } = channelThatNotes();
    await declareTopology(channel, { ...topology, declare: 'verify' });
    expect(calls).toEqual([
      'exchangeDeclare orders topic ?',
      'exchangeDeclare archive topic ?',
      'queueDeclare billing ?',
    ]);
    const missing = new NotFoundError("404 NOT_FOUND - no queue 'billing'");
    const failing = channelThatNotes('queueDeclare billing ?', missing);
    await expect(declareTopology(failing.channel, { ...topology, declare: 'verify' })).rejects.toThrow(
      "Cannot find queue 'billing': 404 NOT_FOUND - no queue 'billing'. The topology says declare: 'verify'",
    );
  });

  it('leaves the broker alone with none', async () => {
    const { channel, calls } = channelThatNotes();
    await declareTopology(channel, { ...topology, declare: 'none' });
    expect(calls).toEqual([]);
  });

  it('has nothing to do for an empty topology', async () => {
    const { channel, calls } = channelThatNotes();
    await declareTopology(channel, {});
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
    const failure = await declareTopology(channel, topology).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TopologyError);
    expect(failure).toMatchObject({ entity, cause, message: `Cannot declare ${entity}: refused.` });
    expect(calls.at(-1)).toBe(failing);
  });

  it.each([
    [new PreconditionFailedError('406 inequivalent arg'), /exists and is different/],
    [new NotFoundError('404 no exchange'), /Add what is missing to the module's topology/],
  ])('says what to do about %s', async (cause, advice) => {
    const { channel } = channelThatNotes('queueDeclare billing', cause);
    await expect(declareTopology(channel, topology)).rejects.toThrow(advice);
  });
});
