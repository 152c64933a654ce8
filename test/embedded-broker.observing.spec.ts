import { Buffer } from 'node:buffer';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connect, type Channel, type Connection } from '../lib/client/index.js';
import { EmbeddedBroker, type JournalEntry } from '../lib/broker/index.js';

/** The methods for tests besides the protocol. */
describe('EmbeddedBroker, observed from its own process', () => {
  let broker: EmbeddedBroker;
  let connection: Connection;
  let channel: Channel;

  beforeEach(async () => {
    broker = await EmbeddedBroker.start();
    connection = await connect(broker.url);
    channel = await connection.openChannel({ confirm: true });
    await channel.queueDeclare('work', {
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' },
    });
    await channel.queueDeclare('dead');
  });
  afterEach(async () => {
    await connection.close();
    await broker.close();
  });

  it('identifies a message along its route, and its dead letter as another', async () => {
    await channel.publish('', 'work', 'x');
    const delivery = await channel.basicGet('work');
    delivery!.reject({ requeue: false });
    const { message } = await broker.journal.next('published');
    const delivered = await broker.journal.next('delivered');
    const settled = await broker.journal.next('settled');
    const died = await broker.journal.next('died');
    for (const entry of [delivered, settled, died]) expect(entry.message.is(message)).toBe(true);
    expect(died).toMatchObject({ reason: 'rejected', queues: ['dead'] });
    expect(died.deadLetter!.is(message)).toBe(false);
    await channel.basicGet('dead', { noAck: true });
    const last = await broker.journal.next('delivered', ({ queue }) => queue === 'dead');
    expect(last).toMatchObject({ noAck: true });
    expect(last.message.is(died.deadLetter!)).toBe(true);
  });

  it('a death without a dead-letter exchange has no dead letter', async () => {
    await channel.queueDelete('dead');
    await channel.publish('', 'work', 'x');
    (await channel.basicGet('work'))!.reject({ requeue: false });
    expect(await broker.journal.next('died')).toMatchObject({ deadLetter: undefined, queues: [] });
  });

  it('counts unacknowledged messages through acks, requeues and the end of the channel', async () => {
    const counts = (): unknown => broker.queues.map(({ messages, unacknowledged }) => [messages, unacknowledged])[0];
    for (const text of ['a', 'b', 'c']) await channel.publish('', 'work', text);
    const scratch = await connection.openChannel();
    const first = await scratch.basicGet('work');
    const second = await scratch.basicGet('work');
    expect(counts()).toEqual([1, 2]);
    first!.ack();
    second!.nack({ requeue: true });
    await broker.journal.next('settled', ({ outcome }) => outcome === 'requeue');
    expect(counts()).toEqual([2, 0]);
    await scratch.basicGet('work');
    expect(counts()).toEqual([1, 1]);
    await scratch.close();
    expect(counts()).toEqual([2, 0]);
    await channel.basicGet('work', { noAck: true });
    expect(counts()).toEqual([1, 0]);
  });

  it('publishes a message through the exchanges, regardless of faults', async () => {
    await channel.queueBind('work', 'amq.topic', 'order.*');
    broker.faults.nackNext();
    const { message, queues } = broker.publish({
      exchange: 'amq.topic',
      routingKey: 'order.created',
      body: Buffer.from('hello'),
      properties: { messageId: 'm', expiration: '60000' },
    });
    expect(queues).toEqual(['work']);
    expect(broker.journal.of('published')).toMatchObject([{ connection: 0, outcome: 'routed' }]);
    const delivery = await channel.basicGet('work');
    expect([delivery!.text(), delivery!.properties.messageId, delivery!.redelivered]).toEqual(['hello', 'm', false]);
    expect((await broker.journal.next('delivered')).message.is(message)).toBe(true);
    delivery!.nack({ requeue: true });
    await broker.journal.next('settled');
    broker.advance(60_000);
    expect(broker.journal.of('died')).toMatchObject([{ reason: 'expired' }]);
    expect(() => broker.publish({ routingKey: 'x', body: Buffer.from(''), vhost: 'none' })).toThrow(
      "virtual host 'none'",
    );
    expect(() => broker.publish({ exchange: 'none', routingKey: 'x', body: Buffer.from('') })).toThrow('NOT_FOUND');
  });

  it('adds virtual hosts later, drops ready messages, notifies watchers until they leave', async () => {
    broker.addVhost('later');
    const later = await connect(`${broker.url}/later`);
    await (await later.openChannel()).queueDeclare('work');
    await later.close();
    broker.addVhost('later');
    expect(broker.queues.map(({ vhost, name }) => `${vhost}:${name}`)).toEqual(['/:work', '/:dead', 'later:work']);
    const seen: JournalEntry[] = [];
    const leave = broker.journal.watch((entry) => seen.push(entry));
    await channel.publish('', 'work', 'a');
    leave();
    await channel.publish('', 'dead', 'b');
    expect(seen).toMatchObject([{ kind: 'published', routingKey: 'work' }]);
    expect(broker.purge()).toBe(2);
    expect(broker.queues.map(({ messages }) => messages)).toEqual([0, 0, 0]);
  });

  it('journalBytes bounds what the journal keeps of messages and arguments', async () => {
    await using small = await EmbeddedBroker.start({ journalBytes: 50_000 });
    const publisher = await (await connect(small.url, { reconnect: false })).openChannel({ confirm: true });
    for (let count = 0; count < 20; count++) await publisher.publish('', 'nowhere', Buffer.alloc(10_000));
    const kept = (): number => small.journal.of('published').length;
    expect(kept()).toBeGreaterThan(0);
    expect(kept()).toBeLessThan(5);
    const large = { mine: 'x'.repeat(20_000) };
    for (let count = 0; count < 3; count++) await publisher.queueDeclare(`q${count}`, { arguments: large });
    expect(small.journal.of('method', ({ name }) => name === 'queue.declare')).toHaveLength(2);
  });
});
