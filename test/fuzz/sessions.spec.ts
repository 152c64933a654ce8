import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sharedRabbit } from '../support/shared-broker.js';
import { fuzz } from './fuzz.js';
import { sessionPrograms, sessionTarget } from './session-target.js';
import { Player, type Stage } from './sessions/player.js';
import { EmbeddedStage } from './sessions/embedded-stage.js';
import { nameOfSize, type Peer } from './sessions/peer.js';
import { play } from './sessions/program.js';

/** RabbitMQ. A client cannot tell when RabbitMQ has done its work. */
const rabbit: Stage = {
  patience: 2_000,
  get url() {
    return sharedRabbit().url;
  },
  async dial() {
    const { hostname, port } = new URL(this.url);
    const socket = connect({ host: hostname, port: Number(port || 5672), noDelay: true });
    await once(socket, 'connect');
    return socket;
  },
  quiet: () => sleep(8),
  pass: (ms) => sleep(ms),
};

describe('the reference of sessions', () => {
  // A program that never answers a close needs a broker whose clock the test can move.
  const programs = sessionPrograms(10).filter((bytes) => (bytes[0]! & 1) === 1);

  it.each(programs.map((bytes, index) => [index, bytes] as const))(
    'is what RabbitMQ does: program %d',
    async (_, bytes) => {
      const player = new Player(rabbit, { prefix: `sessions.${randomUUID().slice(0, 13)}.`, polite: true });
      await play(player, bytes.subarray(1));
      expect(player.problems).toEqual([]);
    },
  );
});

describe('sessions with the embedded broker', () => {
  const target = sessionTarget();
  afterAll(() => target.close());

  it.each(target.corpus.map((bytes, index) => [index, bytes] as const))('program %d passes', async (_, bytes) => {
    await target.run([bytes]);
  });

  it('a second of mutations', async () => {
    const report = await fuzz(target, { seconds: 2, seed: 5 });
    expect(report.failure).toBeUndefined();
    expect(report.executions).toBeGreaterThan(0);
  });
});

describe('the player of sessions', () => {
  /** Returns the player's complaint about a broker that misbehaves. */
  async function noticed(misbehave: (stage: EmbeddedStage, peer: Peer) => void): Promise<string> {
    const stage = new EmbeddedStage();
    const player = new Player(stage, { prefix: '', polite: true });
    const peer = await player.peer(0);
    peer.method(1, 'channel.open');
    peer.method(1, 'queue.declare', { queue: 'q' });
    peer.method(1, 'confirm.select');
    peer.method(1, 'basic.consume', { queue: 'q', consumerTag: 'one' });
    await player.settle();
    misbehave(stage, peer);
    const said = await player.settle().then(
      () => 'nothing',
      (error: unknown) => (error as Error).message,
    );
    peer.cut();
    await stage.broker.close();
    return said;
  }

  const publish = (peer: Peer): void => {
    peer.method(1, 'basic.publish', { routingKey: 'q', mandatory: true });
    peer.header(1, nameOfSize(1, 0), 0);
  };

  it.each<[string, (stage: EmbeddedStage, peer: Peer) => void, RegExp]>([
    ['nothing, where all is well', (_, peer) => publish(peer), /^nothing$/],
    ['a return that was not asked for', ({ broker }, peer) => (broker.faults.returnNext(1), publish(peer)), /message 'm1.0' was returned, where none was due/],
    ['a consumer that is cancelled', ({ broker }, peer) => (broker.faults.cancelConsumers(), publish(peer)), /basic.cancel for 'one', whose queue is there/],
    ['a connection that is closed', ({ broker }, peer) => (broker.faults.drop('close'), publish(peer)), /connection.close .* came, and nothing was due/],
    ['an answer and a confirm that do not come', ({ broker }, peer) => (broker.faults.stall(), publish(peer), peer.method(1, 'basic.qos')), /basic.qosOk has not come\n.*not confirmed: 1/],
    ['a message that nobody has published', ({ broker }, peer) => (broker.publish({ routingKey: 'q', body: Buffer.alloc(0), properties: { messageId: 'm9.0' } }), publish(peer)), /message 'm9.0' of 'q', which is not there/],
    ['another count', (_, peer) => { peer.method(1, 'queue.delete', { queue: 'missing' }); peer.reference.channels.get(1)!.expected[0] = { names: ['queue.deleteOk'], messageCount: 1 }; }, /queue.deleteOk .* came, where messageCount is 1/],
    ['another code', (_, peer) => { peer.method(1, 'queue.declare', { queue: 'missing', passive: true }); peer.reference.channels.get(1)!.expected[0] = { names: ['channel.close'], codes: [406] }; }, /channel.close .*404.* came, where channel.close 406 was due/],
    ['another answer', (_, peer) => { peer.method(1, 'basic.qos'); peer.reference.channels.get(1)!.expected[0] = { names: ['tx.selectOk'] }; }, /basic.qosOk .* came, where tx.selectOk was due/],
  ])('notices %s', async (_, misbehave, expected) => {
    expect(await noticed(misbehave)).toMatch(expected);
  }); // prettier-ignore
});
