import { KnownTopology } from '../../topology/known-topology.js';
import { Buffer } from 'node:buffer';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { EncodingError, MessageReturnedError, PublishNackedError, type Delivery } from '../../../lib/client/index.js';
import { BrokerDetour, type DetourConnection } from './broker-detour.js';
import { CannotRetryError } from './retry.errors.js';
import { RetryPolicy } from './retry-policy.js';
import { RETRY_HEADER, type RetryState } from './retry-state.js';

const delivery = {
  exchange: 'orders',
  routingKey: 'order.created',
  body: Buffer.from('body'),
  properties: { messageId: 'm-1' },
  encodedHeaders: {},
} as unknown as Delivery;
const record = { message: 'Error: failed', stack: '    at somewhere', time: new Date(0) };
const state: RetryState = { failed: 1, queue: 'q', exchange: 'orders', routingKey: 'order.created', firstFailure: record, lastFailure: record }; // prettier-ignore
const returned = new MessageReturnedError({ replyCode: 312, replyText: 'NO_ROUTE', exchange: '', routingKey: 'q.parked', properties: {}, body: Buffer.alloc(0), bodySize: 0 }); // prettier-ignore

describe('BrokerDetour', () => {
  let log: string[];
  /** The results of the next publishes, in order; undefined for a confirm. */
  let outcomes: unknown[];
  let declaring: Promise<void>;

  const detourOf = (declare: 'assert' | 'verify' = 'assert'): BrokerDetour => {
    const scratch = {
      queueDeclare: async (name: string, { passive }: { passive?: boolean }) => {
        log.push(`${passive ? 'look for' : 'declare'} ${name}`);
        await declaring;
        return { queue: name };
      },
      close: async () => void log.push('declared'),
    };
    const publisher = {
      closed: new Promise(() => {}),
      publish: async (_: string, key: string, __: Buffer, options: { mandatory?: boolean; headers?: Record<string, unknown> }) => {
        const history = options.headers?.[RETRY_HEADER] as { 'last-failure': { stack?: string } };
        log.push(`publish to ${key}${options.mandatory ? ', mandatory' : ''}${history['last-failure'].stack ? '' : ', no stack'}`);
        const outcome = outcomes.shift();
        if (outcome !== undefined) throw outcome;
        return 1;
      },
    }; // prettier-ignore
    const withScratchChannel = (work: (channel: object) => Promise<void>) =>
      work(scratch).finally(() => void scratch.close());
    const connections = { consuming: { withScratchChannel, serverProperties: {} }, publishing: {} };
    const open = async () => connections;
    const named = { connections: { open, channel: () => publisher }, topology: new KnownTopology({ declare }) };
    const policy = new RetryPolicy('Billing.onOrder', { attempts: 3, backoff: () => [100] }, 'broker');
    return new BrokerDetour(
      named as unknown as DetourConnection,
      { name: 'Billing.onOrder', queue: 'q', queueArguments: undefined },
      policy,
    );
  };

  beforeEach(() => {
    [log, outcomes, declaring] = [[], [], Promise.resolve()];
  });

  it('declares a queue before the first message goes to it, once, and must find it there', async () => {
    const detour = detourOf();
    await detour.prepare();
    expect(log).toEqual([]);
    await Promise.all([detour.retry(delivery, state, 100), detour.retry(delivery, state, 100)]);
    await detour.park(delivery, state);
    await detour.park(delivery, state);
    expect(log).toEqual([
      'declare q.retry.100',
      'declared',
      'publish to q.retry.100, mandatory',
      'publish to q.retry.100, mandatory',
      'declare q.parked',
      'declared',
      'publish to q.parked, mandatory',
      'publish to q.parked, mandatory',
    ]);
  });

  it('looks for the queues before the consumer starts where it may not declare them', async () => {
    const detour = detourOf('verify');
    await detour.prepare();
    await detour.park(delivery, state);
    expect(log).toEqual(['look for q.retry.100', 'look for q.parked', 'declared', 'publish to q.parked, mandatory']);
  });

  it('declares a queue that was deleted, waits until it is there, and then publishes again', async () => {
    const detour = detourOf();
    await detour.park(delivery, state);
    let declared = (): void => {};
    declaring = new Promise((resolve) => (declared = resolve));
    [log, outcomes] = [[], [returned]];
    let done = false;
    const parked = detour.park(delivery, state).then(() => (done = true)); // prettier-ignore
    await new Promise((resolve) => setImmediate(resolve));
    expect([log, done]).toEqual([['publish to q.parked, mandatory', 'declare q.parked'], false]);
    declared();
    await parked;
    expect(log.slice(2)).toEqual(['declared', 'publish to q.parked, mandatory']);
  });

  it('declares a queue again after a declaration that has failed', async () => {
    const detour = detourOf();
    declaring = Promise.reject(new PublishNackedError('no answer'));
    await expect(detour.park(delivery, state)).rejects.toThrow('no answer');
    declaring = Promise.resolve();
    await detour.park(delivery, state);
    expect(log).toEqual([
      'declare q.parked',
      'declared',
      'declare q.parked',
      'declared',
      'publish to q.parked, mandatory',
    ]);
  });

  it('fails when the queue cannot be had, or the second publish fails as well', async () => {
    const nacked = new PublishNackedError('full');
    outcomes = [returned, nacked];
    await expect(detourOf().park(delivery, state)).rejects.toBe(nacked);
    outcomes = [nacked];
    log = [];
    await expect(detourOf().park(delivery, state)).rejects.toBe(nacked);
    expect(log).toEqual(['declare q.parked', 'declared', 'publish to q.parked, mandatory']);
  });

  it('leaves out stacks where headers do not fit into a frame', async () => {
    outcomes = [new EncodingError('too large')];
    await detourOf().park(delivery, state);
    expect(log.slice(2)).toEqual(['publish to q.parked, mandatory', 'publish to q.parked, mandatory, no stack']);
  });

  it('takes the next longer delay of its ladder for one that a handler asks for, and declares it once', async () => {
    const detour = detourOf();
    await detour.retry(delivery, state, 1_500);
    await detour.retry(delivery, state, 1_800);
    await detour.retry(delivery, state, 1e9);
    expect(log.filter((line) => line.startsWith('publish'))).toEqual([
      'publish to q.retry.2000, mandatory',
      'publish to q.retry.2000, mandatory',
      'publish to q.retry.1036800000, mandatory',
    ]);
    expect(log.filter((line) => line.startsWith('declare '))).toEqual(['declare q.retry.2000', 'declare q.retry.1036800000']); // prettier-ignore
  });

  it('takes the next longer delay that is there where it may not declare, and refuses what is longer than all', async () => {
    const detour = detourOf('verify');
    await detour.retry(delivery, state, 1);
    await expect(detour.retry(delivery, state, 5_000)).rejects.toThrow(CannotRetryError);
    expect(log).toEqual(['publish to q.retry.100, mandatory']);
  });
});
