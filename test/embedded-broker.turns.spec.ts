import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EmbeddedBroker } from '../lib/broker/index.js';
import { RawClient } from './conformance/support/raw-client.js';

const QUEUES = 200;
const PUBLISHES = 150;

describe('EmbeddedBroker: work is cut into pieces, and the event loop turns in between', () => {
  let broker: EmbeddedBroker;

  beforeEach(async () => {
    broker = await EmbeddedBroker.start({ journalSize: 0 });
  });
  afterEach(() => broker.close());

  /** Publishes, each to all queues, that were dealt with in one turn of the loop, at most; for as long as `run` runs. */
  async function mostInATurn(run: () => Promise<void>): Promise<number> {
    let [inThisTurn, most, over] = [0, 0, false];
    const unwatch = broker.journal.watch(({ kind }) => {
      if (kind === 'published') most = Math.max(most, ++inThisTurn);
    });
    const turn = (): void => {
      inThisTurn = 0;
      if (!over) setImmediate(turn);
    };
    turn();
    await run();
    over = true;
    unwatch();
    return most;
  }

  async function fanout(queues: number): Promise<RawClient> {
    const client = await RawClient.open(broker.url);
    await client.openChannel();
    for (let index = 0; index < queues; index++) {
      const queue = `q.${index}`;
      client.send(1, 'queue.declare', { queue, noWait: true });
      client.send(1, 'queue.bind', { queue, exchange: 'amq.fanout', noWait: true });
    }
    client.send(1, 'basic.qos');
    await client.expect('basic.qosOk');
    return client;
  }

  function burst(client: RawClient): void {
    client.together(() => {
      for (let count = 0; count < PUBLISHES; count++) client.publish(1, { exchange: 'amq.fanout' }, {}, 'x');
      client.send(1, 'basic.qos');
    });
  }

  it('a chunk of publishes to many queues', async () => {
    const publisher = await fanout(QUEUES);
    const other = await RawClient.open(broker.url);
    await other.openChannel();
    let before = -1;
    const most = await mostInATurn(async () => {
      let published = 0;
      const unwatch = broker.journal.watch(({ kind }) => void (kind === 'published' && published++));
      burst(publisher);
      other.send(1, 'basic.qos');
      await other.expect('basic.qosOk');
      before = published;
      await publisher.expect('basic.qosOk');
      expect(published).toBe(PUBLISHES);
      unwatch();
    });
    // 5,000 pieces of work a turn: a publish is some 200 of them.
    expect(most).toBeLessThanOrEqual(30);
    // Who asks meanwhile does not wait for all of it.
    expect(before).toBeLessThan(PUBLISHES);
    expect(broker.queues.every(({ messages }) => messages === PUBLISHES)).toBe(true);
    publisher.destroy();
    other.destroy();
  });

  it('chunks of many publishers share one turn', async () => {
    const first = await fanout(QUEUES);
    const publishers = [first];
    for (let count = 1; count < 3; count++) {
      const publisher = await RawClient.open(broker.url);
      await publisher.openChannel();
      publishers.push(publisher);
    }
    const most = await mostInATurn(async () => {
      for (const publisher of publishers) burst(publisher);
      for (const publisher of publishers) await publisher.expect('basic.qosOk');
    });
    expect(most).toBeLessThanOrEqual(30);
    expect(broker.queues[0]!.messages).toBe(PUBLISHES * publishers.length);
    for (const publisher of publishers) publisher.destroy();
  });

  it('what a client has sent is dealt with, though it ends its socket behind it', async () => {
    const publisher = await fanout(QUEUES);
    burst(publisher);
    publisher.end();
    await broker.journal.next('disconnected', () => true, { timeout: 30_000 });
    expect(broker.queues.every(({ messages }) => messages === PUBLISHES)).toBe(true);
  });
});
