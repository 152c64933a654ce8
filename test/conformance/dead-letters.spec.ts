import { describe, expect, it } from '@jest/globals';
import { typed, type Channel, type Delivery, type FieldTable, type FieldValue } from '../../lib/client/index.js';
import { eventually, useLab } from './support/lab.js';

describe('dead letters', () => {
  const lab = useLab();

  /** Declares a queue whose dead letters go to another queue, through the default exchange. */
  async function mortal(channel: Channel, args: FieldTable = {}): Promise<{ queue: string; grave: string }> {
    const grave = await lab.queue(channel, {}, 'grave');
    const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': grave };
    return { grave, queue: await lab.queue(channel, { arguments: { ...dead, ...args } }) };
  }

  async function buried(channel: Channel, grave: string): Promise<Delivery> {
    return eventually(() => channel.basicGet(grave, { noAck: true }));
  }

  function deaths(delivery: Delivery): Record<string, unknown>[] {
    return delivery.properties.headers!['x-death'] as Record<string, unknown>[];
  }

  it.each<[string, (delivery: Delivery) => void, boolean]>([
    ['reject without requeue', (delivery) => delivery.reject({ requeue: false }), true],
    ['nack without requeue', (delivery) => delivery.nack({ requeue: false }), true],
    ['ack', (delivery) => delivery.ack(), false],
    ['nack with requeue', (delivery) => delivery.nack({ requeue: true }), false],
  ])('%s', async (_, settle, dies) => {
    const channel = await lab.channel({ confirm: true });
    const { queue, grave } = await mortal(channel);
    await channel.publish('', queue, 'x');
    settle((await channel.basicGet(queue))!);
    if (dies) expect(deaths(await buried(channel, grave))[0]!['reason']).toBe('rejected');
    else {
      await channel.basicQos(0);
      expect(await lab.count(channel, grave)).toBe(0);
    }
  });

  it.each<[string, FieldTable, string]>([
    ['x-message-ttl', { 'x-message-ttl': 30 }, 'expired'],
    ['x-max-length', { 'x-max-length': 0 }, 'maxlen'],
    ['x-max-length-bytes', { 'x-max-length-bytes': 0 }, 'maxlen'],
    ['reject-publish-dlx', { 'x-max-length': 0, 'x-overflow': 'reject-publish-dlx' }, 'maxlen'],
  ])('%s dies of %s', async (_, args, reason) => {
    const channel = await lab.channel({ confirm: true });
    const { queue, grave } = await mortal(channel, args);
    await Promise.allSettled([channel.publish('', queue, 'x')]);
    expect(deaths(await buried(channel, grave))[0]!['reason']).toBe(reason);
  });

  it('reject-publish without -dlx leaves no dead letter', async () => {
    const channel = await lab.channel({ confirm: true });
    const { queue, grave } = await mortal(channel, { 'x-max-length': 0, 'x-overflow': 'reject-publish' });
    await Promise.allSettled([channel.publish('', queue, 'x')]);
    expect(await lab.count(channel, grave)).toBe(0);
  });

  it.each<[string, (channel: Channel, queue: string) => Promise<unknown>]>([
    ['purge', (channel, queue) => channel.queuePurge(queue)],
    ['delete', (channel, queue) => channel.queueDelete(queue)],
  ])('%s leaves no dead letters', async (_, act) => {
    const channel = await lab.channel({ confirm: true });
    const { queue, grave } = await mortal(channel);
    await channel.publish('', queue, 'x');
    await act(channel, queue);
    expect(await lab.count(channel, grave)).toBe(0);
  });

  it('x-death holds count, reason, queue, time, exchange and routing keys; further headers hold the first death', async () => {
    const channel = await lab.channel({ confirm: true });
    const { queue, grave } = await mortal(channel);
    const before = Math.floor(Date.now() / 1000) * 1000;
    await channel.publish('', queue, 'x', { headers: { mine: 1 } });
    (await channel.basicGet(queue))!.reject({ requeue: false });
    const { properties, exchange, routingKey, redelivered } = await buried(channel, grave);
    const { 'x-death': death, ...headers } = properties.headers!;
    const [{ time, ...rest }] = death as [{ time: Date } & Record<string, unknown>];
    expect(rest).toEqual({ count: 1, reason: 'rejected', queue, exchange: '', 'routing-keys': [queue] });
    expect(time.getTime()).toBeGreaterThanOrEqual(before);
    expect(headers).toEqual({
      mine: 1,
      'x-first-death-exchange': '',
      'x-first-death-queue': queue,
      'x-first-death-reason': 'rejected',
      ...(lab.version >= 4
        ? { 'x-last-death-exchange': '', 'x-last-death-queue': queue, 'x-last-death-reason': 'rejected' }
        : {}),
    });
    expect([exchange, routingKey, redelivered]).toEqual(['', grave, false]);
  });

  it('an expired message loses its expiration, which x-death keeps', async () => {
    const channel = await lab.channel({ confirm: true });
    const { queue, grave } = await mortal(channel);
    await channel.publish('', queue, 'x', { expiration: '30', messageId: 'm' });
    const letter = await buried(channel, grave);
    expect(letter.properties.expiration).toBeUndefined();
    expect(letter.properties.messageId).toBe('m');
    expect(deaths(letter)[0]).toMatchObject({ reason: 'expired', 'original-expiration': '30' });
  });

  it('without x-dead-letter-routing-key the message keeps its routing key', async () => {
    const channel = await lab.channel({ confirm: true });
    const exchange = await lab.exchange(channel, 'topic');
    const [queue, grave] = [
      await lab.queue(channel, { arguments: { 'x-dead-letter-exchange': exchange, 'x-max-length': 0 } }),
      await lab.queue(channel),
    ];
    await channel.queueBind(queue, 'amq.topic', `${queue}.*`);
    await channel.queueBind(grave, exchange, '#');
    await channel.publish('amq.topic', `${queue}.key`, 'x');
    const letter = await buried(channel, grave);
    expect([letter.exchange, letter.routingKey]).toEqual([exchange, `${queue}.key`]);
  });

  it('a dead letter that keeps its key is routed by CC; one with another key drops CC', async () => {
    const channel = await lab.channel({ confirm: true });
    const exchange = await lab.exchange(channel);
    const copy = await lab.queue(channel);
    await channel.queueBind(copy, exchange, 'copied');
    const keeps = await lab.queue(channel, { arguments: { 'x-dead-letter-exchange': exchange, 'x-max-length': 0 } });
    const { queue: changes, grave } = await mortal(channel, { 'x-max-length': 0 });
    for (const queue of [keeps, changes]) await channel.publish('', queue, queue, { headers: { CC: ['copied'] } });
    expect((await buried(channel, copy)).text()).toBe(keeps);
    // RabbitMQ 4 ignores the header too, but keeps it in the message.
    const { headers } = (await buried(channel, grave)).properties;
    expect(headers!['CC']).toEqual(lab.version >= 4 ? ['copied'] : undefined);
    expect(await channel.basicGet(copy)).toBeUndefined();
  });

  it('a second death in the same queue raises its count, and is listed first', async () => {
    const channel = await lab.channel({ confirm: true });
    const { queue, grave } = await mortal(channel);
    await channel.publish('', queue, 'x');
    (await channel.basicGet(queue))!.reject({ requeue: false });
    const letter = await buried(channel, grave);
    await channel.publish('', queue, letter.body, { headers: letter.properties.headers });
    (await channel.basicGet(queue))!.reject({ requeue: false });
    const again = await buried(channel, grave);
    // RabbitMQ 4 ignores an x-death header that a client has sent.
    expect(deaths(again)).toHaveLength(1);
    expect(deaths(again)[0]).toMatchObject({ count: lab.version >= 4 ? 1 : 2, reason: 'rejected', queue });
  });

  it('deaths in several queues are listed latest first', async () => {
    const channel = await lab.channel({ confirm: true });
    const { queue: second, grave } = await mortal(channel, { 'x-max-length': 0 });
    const first = await lab.queue(channel, {
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': second, 'x-message-ttl': 20 },
    });
    await channel.publish('', first, 'x');
    const letter = await buried(channel, grave);
    expect(deaths(letter).map(({ queue, reason }) => [queue, reason])).toEqual([
      [second, 'maxlen'],
      [first, 'expired'],
    ]);
    expect(letter.properties.headers).toMatchObject({
      'x-first-death-queue': first,
      'x-first-death-reason': 'expired',
    });
  });

  it('a cycle without a rejection ends: the message is dropped', async () => {
    const channel = await lab.channel({ confirm: true });
    const name = lab.name();
    await channel.queueDeclare(name, {
      durable: false,
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': name, 'x-message-ttl': 20 },
    });
    await channel.publish('', name, 'x');
    await eventually(async () => (await lab.count(channel, name)) === 0);
  });

  it('a cycle with a rejection continues: delayed retries by TTL', async () => {
    const channel = await lab.channel({ confirm: true });
    const work = lab.name('work');
    const delay = await lab.queue(channel, {
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': work, 'x-message-ttl': 20 },
    });
    await channel.queueDeclare(work, {
      durable: false,
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': delay },
    });
    await channel.publish('', work, 'x');
    for (let round = 0; round < 3; round++) {
      const delivery = await eventually(() => channel.basicGet(work));
      if (round > 0) {
        expect(deaths(delivery).map(({ queue, count }) => [lab.plain(String(queue)), count])).toEqual([
          ['q', round],
          ['work', round],
        ]);
      }
      delivery.reject({ requeue: false });
    }
  });

  it('a message whose dead-letter exchange does not exist is dropped', async () => {
    const channel = await lab.channel({ confirm: true });
    const queue = await lab.queue(channel, { arguments: { 'x-dead-letter-exchange': 'not.there', 'x-max-length': 0 } });
    await channel.publish('', queue, 'x');
    expect(await lab.count(channel, queue)).toBe(0);
  });

  it('many messages rejected at once arrive in order', async () => {
    const channel = await lab.channel({ confirm: true });
    const { queue, grave } = await mortal(channel);
    for (const text of ['a', 'b', 'c']) await channel.publish('', queue, text);
    let last: Delivery | undefined;
    for (let count = 0; count < 3; count++) last = await channel.basicGet(queue);
    last!.nack({ multiple: true, requeue: false });
    await eventually(async () => (await lab.count(channel, grave)) === 3);
    expect(await lab.drain(channel, grave)).toEqual(['a', 'b', 'c']);
  });

  it('x-death lists the keys of CC, not those of BCC', async () => {
    const channel = await lab.channel({ confirm: true });
    const { queue, grave } = await mortal(channel, { 'x-max-length': 0 });
    await channel.publish('', queue, 'x', { headers: { CC: ['known'], BCC: ['secret'] } });
    const letter = await buried(channel, grave);
    expect(deaths(letter)[0]!['routing-keys']).toEqual([queue, 'known']);
    expect(JSON.stringify(letter.properties.headers)).not.toContain('secret');
  });

  describe('an x-death header that a client has sent', () => {
    /** Returns the x-death of a message that dies after it was published with this header. */
    async function deathsWith(xDeath: (queue: string) => FieldValue): Promise<Record<string, unknown>[]> {
      const channel = await lab.channel({ confirm: true });
      const { queue, grave } = await mortal(channel, { 'x-message-ttl': 20 });
      await channel.publish('', queue, 'x', { headers: { 'x-death': xDeath(queue) } });
      const all = deaths(await buried(channel, grave));
      return all.map(({ queue: name, reason, count, time, exchange, 'routing-keys': keys, ...more }) => {
        void [time, exchange, keys];
        return { queue: lab.plain(String(name)), reason, count, ...more };
      });
    }

    const own = { queue: 'q', reason: 'expired', count: 1 };
    /** RabbitMQ 4 ignores such headers. */
    const unless4 = (expected: object[]): object[] => (lab.version >= 4 ? [own] : expected);

    it.each<[string, FieldValue]>([
      ['a text', 'none of its business'],
      ['a table', { count: 1 }],
      ['void', null],
      ['a number', 7],
      ['an empty list', []],
    ])('%s is replaced', async (_, value) => {
      expect(await deathsWith(() => value)).toEqual([own]);
    });

    it('a count that is a string stays in the entry of another queue', async () => {
      const forged = { queue: 'other', reason: 'expired', count: 'two' };
      expect(await deathsWith(() => [forged])).toEqual(unless4([own, forged]));
    });

    it.each<[string, FieldTable, number]>([
      ['of 64 bits', { count: typed('int64', 7) }, 8],
      ['of 8 bits', { count: typed('int8', 127) }, 128],
      ['without a sign', { count: typed('uint32', 7) }, 8],
      ['below zero', { count: -5 }, -4],
    ])('a count %s is raised', async (_, count, expected) => {
      const all = await deathsWith((queue) => [{ queue, reason: 'expired', ...count }]);
      expect(all).toEqual(unless4([{ ...own, count: expected }]));
    });

    it('a missing count starts at 1', async () => {
      expect(await deathsWith((queue) => [{ queue, reason: 'expired', mine: true }])).toEqual(
        unless4([{ ...own, mine: true }]),
      );
    });

    it('one table per death, as old brokers wrote them, is grouped by queue and reason, and counted', async () => {
      const all = await deathsWith((queue) => [
        { queue, reason: 'expired', n: 1 },
        { queue: 'o', reason: 'rejected', n: 2 },
        { queue, reason: 'expired', n: 3 },
        { queue: 'o', reason: 'rejected', n: 4 },
        { queue: 'o', reason: 'maxlen', n: 5 },
      ]);
      expect(all).toEqual(
        unless4([
          { ...own, count: 3, n: 1 },
          { queue: 'o', reason: 'maxlen', count: 1, n: 5 },
          { queue: 'o', reason: 'rejected', count: 2, n: 2 },
        ]),
      );
    });

    it('an entry whose queue is not a string counts as another death', async () => {
      const forged = { queue: 5, reason: 'expired', count: 3 };
      expect(await deathsWith(() => [forged])).toEqual(unless4([own, { ...forged, queue: '5' }]));
    });
  });
});
