import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EmbeddedBroker, type JournalKind } from '../lib/broker/index.js';
import type { MethodName } from '../lib/protocol/types.js';
import { RawClient, type Received } from './conformance/support/raw-client.js';

const QUEUES = 200;
const PUBLISHES = 150;

describe('EmbeddedBroker: long work is split over turns of the event loop', () => {
  let broker: EmbeddedBroker;

  beforeEach(async () => {
    broker = await EmbeddedBroker.start({ journalSize: 0 });
  });
  afterEach(() => broker.close());

  /** Returns the largest number of publishes to all queues that were processed in one turn of the loop while `run` runs. */
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
    // A turn does 2,000 pieces of work; a publish is about 200 of them.
    expect(most).toBeLessThanOrEqual(12);
    // Another client does not wait for all of the work.
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

  it('the frames of a client are processed although it then ends its socket', async () => {
    const publisher = await fanout(QUEUES);
    burst(publisher);
    publisher.end();
    await broker.journal.next('disconnected', () => true, { timeout: 30_000 });
    expect(broker.queues.every(({ messages }) => messages === PUBLISHES)).toBe(true);
  });

  describe('K8.12 a method with much work: other connections are served in between, and the order is kept', () => {
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

    /** Skips frames until this method. */
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

    /** Takes the next message out of a queue and returns its text. */
    async function textFrom(who: RawClient, queue: string): Promise<string> {
      who.send(1, 'basic.get', { queue, noAck: true });
      return (await until(who, 'basic.getOk')).body!.toString();
    }

    const queueOf = (name: string) => broker.queues.find((queue) => queue.name === name)!;

    /** Publishes `count` messages to a queue in one write. */
    function fill(routingKey: string, count = MANY): void {
      for (let index = 0; index < count; index++) broker.publish({ routingKey, body: Buffer.from(String(index)) });
    }

    /**
     * Runs `work`, which takes many turns. Asserts that the other connection is answered when the work is partly done, and that
     * no
     * turn does more than its part.
     *
     * @param kind entry of the journal that each piece of work adds
     * @param part number of pieces that fit in a turn
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
      // The interval that is counted begins and ends between two of the broker's turns.
      expect(most).toBeLessThanOrEqual(2 * part);
    }

    it('a publish to 10,000 queues', async () => {
      const publisher = await fanout(10_000);
      publisher.send(1, 'confirm.select');
      await publisher.expect('confirm.selectOk');
      const inQueues = (): number => broker.queues.reduce((sum, { messages }) => sum + messages, 0);
      // A round trip takes some turns, and a turn routes to 2,000 queues.
      const texts = ['first', 'second', 'third', 'fourth'];
      publisher.together(() => {
        for (const text of texts) publisher.publish(1, { exchange: 'amq.fanout' }, {}, text);
        publisher.publish(1, { routingKey: 'q.9999' }, {}, 'last');
      });
      await roundTrip(other);
      const meanwhile = inQueues();
      // The confirm covers the whole publish.
      const { deliveryTag } = (await publisher.expect('basic.ack')).args;
      expect(inQueues()).toBeGreaterThanOrEqual(10_000 * Math.min(deliveryTag, 4));
      expect(meanwhile).toBeLessThan(40_000);
      for (const text of [...texts, 'last']) {
        expect(await textFrom(publisher, 'q.9999')).toBe(text);
      }
      publisher.destroy();
    });

    it('its publisher disconnects during the work: the message reaches all queues', async () => {
      const publisher = await fanout(10_000);
      publisher.publish(1, { exchange: 'amq.fanout' }, {}, 'x');
      const seen = broker.journal.next('published', () => true, { timeout: 30_000 });
      await roundTrip(other);
      broker.faults.drop('reset', { id: 1 });
      expect((await seen).queues).toHaveLength(10_000);
      expect(broker.queues.every(({ messages }) => messages === 1)).toBe(true);
    });

    it('all messages of a queue expire, and are dead-lettered', async () => {
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
          // Expired messages are never delivered, and a client that asks for the first unexpired one waits.
          declaring.publish(1, { routingKey: 'short' }, {}, 'late');
          expect(await textFrom(declaring, 'short')).toBe('late');
          while (queueOf('dead').messages < MANY) await roundTrip(other);
        },
        MANY,
        // A dead letter counts as six pieces: it expires, is encoded anew, and is put into a queue.
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
      // The message is ready behind the requeued ones, and must not be delivered before them.
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

    it('10,000 queues of a closing connection: deleted before close-ok', async () => {
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

    it('a restart during the work leaves the same state as any restart', async () => {
      const consumer = await client();
      consumer.send(1, 'queue.declare', { queue: 'kept', durable: true });
      await consumer.expect('queue.declareOk');
      fill('kept');
      for (let tag = 0; tag < MANY; tag++) consumer.send(1, 'basic.get', { queue: 'kept' });
      await roundTrip(consumer);
      consumer.send(1, 'basic.nack', { deliveryTag: MANY, multiple: true, requeue: true });
      await roundTrip(other);
      broker.restart({ keep: 'durable' });
      // None of these messages is persistent.
      expect(broker.queues).toMatchObject([{ name: 'kept', messages: 0, unacknowledged: 0 }]);
    });
  });
});
