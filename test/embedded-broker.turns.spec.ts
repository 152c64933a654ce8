import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EmbeddedBroker, type JournalKind } from '../lib/broker/index.js';
import type { MethodName } from '../lib/protocol/types.js';
import { RawClient, type Received } from './conformance/support/raw-client.js';

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
    // 2,000 pieces of work a turn: a publish is some 200 of them.
    expect(most).toBeLessThanOrEqual(12);
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
    expect(most).toBeLessThanOrEqual(12);
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

  describe('K8.12 one method that is much work: another connection is served meanwhile, and the order stays', () => {
    const MANY = 20_000;
    let other: RawClient;

    beforeEach(async () => {
      other = await RawClient.open(broker.url);
      await other.openChannel();
    });
    afterEach(() => other.destroy());

    async function client(): Promise<RawClient> {
      const opened = await RawClient.open(broker.url);
      await opened.openChannel();
      return opened;
    }

    /** Passes over what comes before this method. */
    async function until(who: RawClient, name: MethodName): Promise<Received> {
      for (;;) {
        const received = await who.next();
        if (received.method.name === name) return received;
      }
    }

    async function roundTrip(who: RawClient): Promise<void> {
      who.send(1, 'basic.qos');
      await until(who, 'basic.qosOk');
    }

    /** The text of the next message of a queue, taken out of it. */
    async function textFrom(who: RawClient, queue: string): Promise<string> {
      who.send(1, 'basic.get', { queue, noAck: true });
      return (await until(who, 'basic.getOk')).body!.toString();
    }

    const queueOf = (name: string) => broker.queues.find((queue) => queue.name === name)!;

    /** Publishes so many to a queue, by hand and thus at once. */
    function fill(routingKey: string, count = MANY): void {
      for (let index = 0; index < count; index++) broker.publish({ routingKey, body: Buffer.from(String(index)) });
    }

    /**
     * Runs `work`, which takes many turns: the other connection is answered when some of it is done and some is not, and no
     * turn does more than its part.
     *
     * @param kind entry of the journal that each piece leaves
     * @param part how many of them a turn has room for
     */
    async function served(
      kind: JournalKind,
      start: () => void,
      end: () => Promise<unknown>,
      total = MANY,
      part = 2_000,
    ): Promise<void> {
      let [inThisTurn, most, seen, over] = [0, 0, 0, false];
      const unwatch = broker.journal.watch((entry) => {
        if (entry.kind !== kind) return;
        seen++;
        most = Math.max(most, ++inThisTurn);
      });
      const turn = (): void => {
        inThisTurn = 0;
        if (!over) setImmediate(turn);
      };
      turn();
      start();
      await roundTrip(other);
      const meanwhile = seen;
      await end();
      over = true;
      unwatch();
      expect(meanwhile).toBeLessThan(total);
      expect(seen).toBe(total);
      // What is counted here begins and ends somewhere between two of the broker's turns.
      expect(most).toBeLessThanOrEqual(2 * part);
    }

    it('a publish to 10,000 queues', async () => {
      const publisher = await fanout(10_000);
      publisher.send(1, 'confirm.select');
      await publisher.expect('confirm.selectOk');
      const inQueues = (): number => broker.queues.reduce((sum, { messages }) => sum + messages, 0);
      // A round trip takes some turns, and a turn puts 2,000 into their queues.
      const texts = ['first', 'second', 'third', 'fourth'];
      publisher.together(() => {
        for (const text of texts) publisher.publish(1, { exchange: 'amq.fanout' }, {}, text);
        publisher.publish(1, { routingKey: 'q.9999' }, {}, 'last');
      });
      await roundTrip(other);
      const meanwhile = inQueues();
      // A confirm is for the whole.
      const { deliveryTag } = (await publisher.expect('basic.ack')).args;
      expect(inQueues()).toBeGreaterThanOrEqual(10_000 * Math.min(deliveryTag, 4));
      expect(meanwhile).toBeLessThan(40_000);
      for (const text of [...texts, 'last']) {
        expect(await textFrom(publisher, 'q.9999')).toBe(text);
      }
      publisher.destroy();
    });

    it('its publisher goes in the middle: it comes to all of them', async () => {
      const publisher = await fanout(10_000);
      publisher.publish(1, { exchange: 'amq.fanout' }, {}, 'x');
      const seen = broker.journal.next('published', () => true, { timeout: 30_000 });
      await roundTrip(other);
      broker.faults.drop('reset', { id: 1 });
      expect((await seen).queues).toHaveLength(10_000);
      expect(broker.queues.every(({ messages }) => messages === 1)).toBe(true);
    });

    it('all messages of a queue expire, and go to its dead-letter exchange', async () => {
      const declaring = await client();
      const dead = { 'x-message-ttl': 600_000, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
      declaring.send(1, 'queue.declare', { queue: 'dead' });
      await declaring.expect('queue.declareOk');
      declaring.send(1, 'queue.declare', { queue: 'short', arguments: dead });
      await declaring.expect('queue.declareOk');
      fill('short');
      await served(
        'died',
        () => broker.advance(600_000),
        async () => {
          // Expired ones are never handed out, and who asks for the first that is not, waits.
          declaring.publish(1, { routingKey: 'short' }, {}, 'late');
          expect(await textFrom(declaring, 'short')).toBe('late');
          while (queueOf('dead').messages < MANY) await roundTrip(other);
        },
        MANY,
        // A dead letter counts six times: it expires, is encoded anew, and is put into a queue.
        350,
      );
      for (const text of ['0', '1', '2']) {
        expect(await textFrom(declaring, 'dead')).toBe(text);
      }
      declaring.destroy();
    });

    it('a large requeue: by basic.nack, and by the end of its connection', async () => {
      const consumer = await client();
      consumer.send(1, 'queue.declare', { queue: 'q' });
      await consumer.expect('queue.declareOk');
      const delivered = broker.journal.next('delivered', ({ deliveryTag }) => deliveryTag === MANY, {
        timeout: 60_000,
      });
      consumer.send(1, 'basic.consume', { queue: 'q', consumerTag: 'all' });
      await consumer.expect('basic.consumeOk');
      fill('q');
      await delivered;
      fill('q', 1);
      // Ready behind those that come back, and not to be handed out before them.
      consumer.send(1, 'basic.cancel', { consumerTag: 'all' });
      await roundTrip(consumer);
      fill('q', 10);
      await served(
        'settled',
        () => consumer.send(1, 'basic.nack', { deliveryTag: MANY, multiple: true, requeue: true }),
        () => roundTrip(consumer),
      );
      expect(queueOf('q')).toMatchObject({ messages: MANY + 10, unacknowledged: 1 });
      for (let tag = 0; tag < MANY + 10; tag++) consumer.send(1, 'basic.get', { queue: 'q' });
      await roundTrip(consumer);
      expect(queueOf('q')).toMatchObject({ messages: 0, unacknowledged: MANY + 11 });
      await served(
        'settled',
        () => consumer.destroy(),
        async () => {
          while (queueOf('q').unacknowledged > 0) await roundTrip(other);
        },
        MANY + 11,
      );
      for (const text of ['0', '1', '2']) {
        expect(await textFrom(other, 'q')).toBe(text);
      }
    });

    it('10,000 queues of a connection that is closed: gone when it is told so', async () => {
      const owner = await client();
      for (let index = 0; index < 10_000; index++) {
        const queue = `own.${index}`;
        owner.send(1, 'queue.declare', { queue, exclusive: true, noWait: true });
        for (const routingKey of ['a', 'b']) {
          owner.send(1, 'queue.bind', { queue, exchange: 'amq.direct', routingKey, noWait: true });
        }
      }
      await roundTrip(owner);
      owner.send(0, 'connection.close', { replyCode: 200, replyText: '', classId: 0, methodId: 0 });
      await roundTrip(other);
      const meanwhile = broker.queues.length;
      await until(owner, 'connection.closeOk');
      expect(broker.queues).toEqual([]);
      expect(meanwhile).toBeGreaterThan(0);
      owner.destroy();
    });

    it('a long queue for a consumer without a limit', async () => {
      const consumers = await Promise.all([client(), client(), client(), client()]);
      consumers[0]!.send(1, 'queue.declare', { queue: 'q' });
      await consumers[0]!.expect('queue.declareOk');
      fill('q');
      const all = broker.journal.next('delivered', () => queueOf('q').unacknowledged === MANY, { timeout: 60_000 });
      await served(
        'delivered',
        () => {
          for (const consumer of consumers) consumer.send(1, 'basic.consume', { queue: 'q', noWait: true });
        },
        () => all,
      );
      for (const consumer of consumers) consumer.destroy();
    });

    it('a transaction of many publishes is committed in their order', async () => {
      const publisher = await fanout(200);
      publisher.send(1, 'tx.select');
      await publisher.expect('tx.selectOk');
      publisher.together(() => {
        for (let count = 0; count < 100; count++) publisher.publish(1, { exchange: 'amq.fanout' }, {}, String(count));
      });
      await roundTrip(publisher);
      await served(
        'published',
        () => publisher.send(1, 'tx.commit'),
        () => publisher.expect('tx.commitOk'),
        100,
      );
      for (const text of ['0', '1', '2']) {
        expect(await textFrom(other, 'q.199')).toBe(text);
      }
      publisher.destroy();
    });

    it('a restart in the middle of it leaves what a restart leaves', async () => {
      const consumer = await client();
      consumer.send(1, 'queue.declare', { queue: 'kept', durable: true });
      await consumer.expect('queue.declareOk');
      fill('kept');
      for (let tag = 0; tag < MANY; tag++) consumer.send(1, 'basic.get', { queue: 'kept' });
      await roundTrip(consumer);
      consumer.send(1, 'basic.nack', { deliveryTag: MANY, multiple: true, requeue: true });
      await roundTrip(other);
      broker.restart({ keep: 'durable' });
      // None of these is persistent.
      expect(broker.queues).toMatchObject([{ name: 'kept', messages: 0, unacknowledged: 0 }]);
    });
  });
});
