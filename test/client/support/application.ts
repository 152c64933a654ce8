import { expect } from '@jest/globals';
import {
  ConnectionLostError,
  type Channel,
  type Connection,
  type Consumer,
  type Delivery,
} from '../../../lib/client/index.js';
import { type ClientHarness, errorOf, eventually } from './client-harness.js';
import { Inbox } from '../../support/inbox.js';

const PREFETCH = 3;

/**
 * A connection as applications use it, to be exposed to a fault: a durable queue, an exclusive and a server-named one bound to
 * an exchange that does not survive the broker, consumers on each, QoS, confirms, and a channel without entities.
 */
export class Application {
  readonly work = new Inbox<Delivery>();
  readonly news = { exclusive: new Inbox<Delivery>(), serverNamed: new Inbox<Delivery>() };
  readonly consumers: Consumer[] = [];
  private holding = false;
  private round = 0;
  private serverNamed = '';

  private constructor(
    readonly connection: Connection,
    readonly channel: Channel,
    readonly sibling: Channel,
    readonly queue: string,
    readonly exclusive: string,
    readonly exchange: string,
  ) {}

  static async start(harness: ClientHarness, connection: Connection): Promise<Application> {
    const channel = await connection.openChannel({ confirm: true, prefetch: PREFETCH });
    const sibling = await connection.openChannel({ confirm: true });
    const names = [harness.name('durable'), harness.name('exclusive'), harness.name('exchange')] as const;
    const application = new Application(connection, channel, sibling, ...names);
    await application.setUp();
    await application.verify();
    return application;
  }

  private async setUp(): Promise<void> {
    const { channel, sibling, queue, exclusive, exchange } = this;
    await sibling.exchangeDeclare(exchange, 'topic', { durable: false });
    await channel.queueDeclare(queue);
    await channel.queueDeclare(exclusive, { exclusive: true });
    this.serverNamed = (await channel.queueDeclare('', { exclusive: true })).queue;
    await channel.queueBind(exclusive, exchange, 'news.*');
    await channel.queueBind(this.serverNamed, exchange, '#');
    this.consumers.push(
      await channel.basicConsume(queue, (delivery) => {
        if (!this.holding) delivery.ack();
        this.work.add(delivery);
      }),
      await channel.basicConsume(exclusive, this.news.exclusive.add, { noAck: true, consumerTag: 'news' }),
      await sibling.basicConsume(this.serverNamed, this.news.serverNamed.add, { noAck: true }),
    );
  }

  /**
   * Starts calls, publishes and waits that are pending at the fault; none of them may reach the broker. The returned function
   * runs after the fault and asserts that each was settled once, with the right error.
   */
  pend(): () => Promise<void> {
    const { channel, sibling, queue } = this;
    let settled = 0;
    const calls = [
      channel.queueDeclare(queue, { passive: true }),
      channel.basicGet(queue),
      sibling.queueBind(queue, 'amq.topic', 'k'),
      sibling.basicQos(1),
    ];
    const publishes = Array.from({ length: 20 }, (_, n) => (n % 2 ? channel : sibling).publish('', queue, `lost ${n}`));
    const all = [...calls, ...publishes];
    for (const promise of all) {
      const count = (): number => settled++;
      promise.then(count, count);
    }
    return async () => {
      for (const call of all) {
        const error = await errorOf(call);
        expect(error).toBeInstanceOf(ConnectionLostError);
        expect(error).toMatchObject({ outcome: 'unknown', scope: 'connection', recoverable: true });
      }
      expect(settled).toBe(all.length);
    };
  }

  /** Holds deliveries in a handler during the fault. The returned function asserts that they were redelivered. */
  async hold(): Promise<() => Promise<void>> {
    this.holding = true;
    const round = `held ${++this.round}`;
    for (let n = 0; n < PREFETCH; n++) await this.sibling.publish('', this.queue, `${round}.${n}`, { deliveryMode: 2 });
    const held = await this.work.take(PREFETCH);
    this.holding = false;
    return async () => {
      const again = await this.work.take(PREFETCH);
      expect(texts(again)).toEqual(texts(held));
      expect(again.every(({ redelivered }) => redelivered)).toBe(true);
      // Their channel is lost: the acks have no effect, not even on a new channel of the same number.
      for (const delivery of held) delivery.ack();
    };
  }

  /**
   * True if connection, channels and consumers are back. After a loss an exclusive queue may be locked for a moment, and its
   * consumer comes back later than its channel.
   */
  get isBack(): boolean {
    const { connection, channel, sibling, consumers } = this;
    return connection.state === 'open' && channel.isOpen && sibling.isOpen && consumers.every(({ active }) => active);
  }

  /** Asserts that every part comes back, works as set up, and exists once. */
  async verify(): Promise<void> {
    const { channel, sibling, queue, exclusive, exchange, consumers, news, work } = this;
    const round = ++this.round;
    await eventually(async () => this.isBack);
    expect([channel.isOpen, sibling.isOpen, this.connection.isAlive]).toEqual([true, true, true]);
    expect(consumers[1]!.consumerTag).toBe('news');

    // Exchange, queues and bindings exist once each.
    await channel.publish(exchange, 'news.today', `news ${round}`, { mandatory: true });
    await channel.publish(exchange, 'other', `other ${round}`, { mandatory: true });
    expect(texts(await news.exclusive.take(1))).toEqual([`news ${round}`]);
    expect(texts(await news.serverNamed.take(2))).toEqual([`news ${round}`, `other ${round}`]);
    for (const name of [queue, exclusive, this.serverNamed]) {
      expect((await sibling.queueDeclare(name, { passive: true })).consumerCount).toBe(1);
    }

    // Confirm mode gives delivery tags in sequence. QoS limits the unacknowledged deliveries.
    this.holding = true;
    const tags: number[] = [];
    for (let n = 0; n < 2 * PREFETCH; n++) tags.push(await channel.publish('', queue, `work ${round}.${n}`));
    expect(tags).toEqual(tags.map((_, index) => tags[0]! + index));
    expect(tags[0]).toBeGreaterThan(0);
    const held = await work.take(PREFETCH);
    await channel.queueDeclare(queue, { passive: true });
    expect(work.waiting).toBe(0);
    this.holding = false;
    for (const delivery of held) delivery.ack();
    const rest = await work.take(PREFETCH);
    expect(texts([...held, ...rest])).toEqual(Array.from({ length: 2 * PREFETCH }, (_, n) => `work ${round}.${n}`));
    await eventually(async () => (await sibling.queueDeclare(queue, { passive: true })).messageCount === 0);
    // The broker has read all acks when it answers on their channel: a cut brings none of these messages back.
    await channel.queueDeclare(queue, { passive: true });
    expect([news.exclusive.waiting, news.serverNamed.waiting, work.waiting]).toEqual([0, 0, 0]);
  }
}

function texts(deliveries: Delivery[]): string[] {
  return deliveries.map((delivery) => delivery.text()).sort();
}
