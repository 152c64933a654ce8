import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { otherClients, type OtherClient, type OtherMessage } from './support/other-clients.js';
import { useLab } from './support/lab.js';
import { Inbox } from '../support/inbox.js';

/** Twenty operations by each of three other clients. */
describe.each(Object.entries(otherClients))('%s', (_, open) => {
  const lab = useLab();
  let client: OtherClient;
  let queue: string;
  let exchange: string;

  beforeEach(async () => {
    // Some clients need the login of guest in the URL.
    const url = new URL(lab.url);
    if (url.username === '') Object.assign(url, { username: 'guest', password: 'guest' });
    client = await open(url.href);
    [queue, exchange] = [lab.name('q'), lab.name('x')];
    await client.queueDeclare(queue);
    await client.exchangeDeclare(exchange, 'topic');
  });
  afterEach(() => client.close());

  it('1 declares a queue again: its messages are counted', async () => {
    await client.publish('', queue, 'x');
    expect(await client.queueDeclare(queue)).toEqual([queue, 1, 0]);
  });
  it('2 lets the broker name a queue', async () => {
    const [name] = await client.queueDeclare('');
    expect(name).toMatch(/^amq\.gen-/);
    await client.queueDelete(name);
  });
  it('3 declares an exchange again', () => client.exchangeDeclare(exchange, 'topic'));
  it('4 receives an error for an unknown queue', async () => {
    await expect(client.queuePassive('not.there')).rejects.toThrow(/not.there|NOT_FOUND|404/);
  });
  it('5 binds a queue, and receives a publish', async () => {
    await client.queueBind(queue, exchange, 'a.*');
    await client.publish(exchange, 'a.b', 'bound');
    expect((await client.get(queue))!.text).toBe('bound');
  });
  it('6 unbinds a queue, and receives none', async () => {
    await client.queueBind(queue, exchange, '#');
    await client.queueUnbind(queue, exchange, '#');
    await client.publish(exchange, 'a.b', 'unbound');
    expect(await client.get(queue)).toBeUndefined();
  });
  it('7 binds an exchange to another', async () => {
    await client.exchangeBind(exchange, 'amq.topic', `${queue}.#`);
    await client.queueBind(queue, exchange, '#');
    await client.publish('amq.topic', `${queue}.x`, 'through two');
    expect((await client.get(queue))!.text).toBe('through two');
  });
  it('8 unbinds an exchange from another', async () => {
    await client.exchangeBind(exchange, 'amq.topic', `${queue}.#`);
    await client.exchangeUnbind(exchange, 'amq.topic', `${queue}.#`);
    await client.queueBind(queue, exchange, '#');
    await client.publish('amq.topic', `${queue}.x`, 'nowhere');
    expect(await client.get(queue)).toBeUndefined();
  });
  it('9 receives confirms for many publishes at once', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, index) => client.publish('', queue, `${index}`)));
    expect((await client.queueDeclare(queue))[1]).toBe(100);
  });
  it('10 receives the return of a mandatory message', async () => {
    expect(await client.publishReturned('not.there')).toBe(312);
  });
  it('11 fetches from an empty queue', async () => {
    expect(await client.get(queue)).toBeUndefined();
  });
  it('12 sends and receives headers of several types', async () => {
    const headers = { text: 'ä', number: 5, yes: true, table: { a: 'b' }, list: ['a', 'b'] };
    await client.publish('', queue, 'x', headers);
    expect((await client.get(queue))!.headers).toEqual(headers);
  });
  it('13 acknowledges a message, which leaves the queue', async () => {
    await client.publish('', queue, 'x');
    await (await client.get(queue))!.ack();
    expect(await client.get(queue)).toBeUndefined();
  });
  it('14 requeues a message, which is redelivered', async () => {
    await client.publish('', queue, 'x');
    await (await client.get(queue))!.nack(true);
    expect((await client.get(queue))!.redelivered).toBe(true);
  });
  it('15 rejects a message, which is dead-lettered', async () => {
    const name = lab.name('mortal');
    await client.queueDeclare(name, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue });
    const inbox = new Inbox<OtherMessage>();
    await client.consume(queue, 0, inbox.add);
    await client.publish('', name, 'dying');
    await (await client.get(name))!.nack(false);
    expect((await inbox.next()).text).toBe('dying');
  });
  it('16 consumes messages in order', async () => {
    const inbox = new Inbox<OtherMessage>();
    await client.consume(queue, 10, (message) => {
      void message.ack();
      inbox.add(message);
    });
    for (const text of ['a', 'b', 'c']) await client.publish('', queue, text);
    expect((await inbox.take(3)).map(({ text }) => text)).toEqual(['a', 'b', 'c']);
  });
  it('17 receives no more messages than its prefetch', async () => {
    const inbox = new Inbox<OtherMessage>();
    for (const text of ['a', 'b', 'c']) await client.publish('', queue, text);
    await client.consume(queue, 2, inbox.add);
    await inbox.take(2);
    expect(await client.queueDeclare(queue)).toEqual([queue, 1, 1]);
  });
  it('18 cancels a consumer', async () => {
    const cancel = await client.consume(queue, 1, () => undefined);
    await cancel();
    expect((await client.queueDeclare(queue))[2]).toBe(0);
  });
  it('19 purges a queue, and receives the count', async () => {
    for (const text of ['a', 'b']) await client.publish('', queue, text);
    expect(await client.queuePurge(queue)).toBe(2);
  });
  it('20 deletes an exchange and a queue', async () => {
    await client.publish('', queue, 'x');
    await client.exchangeDelete(exchange);
    expect(await client.queueDelete(queue)).toBe(1);
  });
  it('21 sends a body in several frames', async () => {
    const text = 'x'.repeat(300_000);
    await client.publish('', queue, text);
    expect((await client.get(queue))!.text).toHaveLength(text.length);
  });
});
