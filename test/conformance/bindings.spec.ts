import { describe, expect, it } from '@jest/globals';
import type { Channel } from '../../lib/client/index.js';
import { useLab, type Lab } from './support/lab.js';

describe('bindings', () => {
  const lab = useLab();

  it.each<[string, (lab: Lab, channel: Channel) => Promise<unknown>, string]>([
    [
      'an unknown queue',
      (_, channel) => channel.queueBind('not.there', 'amq.direct', 'k'),
      "channel 404 by queue.bind: NOT_FOUND - no queue 'not.there' in vhost '/'",
    ],
    [
      'an unknown exchange',
      async (lab, channel) => channel.queueBind(await lab.queue(channel), 'not.there', 'k'),
      "channel 404 by queue.bind: NOT_FOUND - no exchange 'not.there' in vhost '/'",
    ],
    [
      'the default exchange',
      async (lab, channel) => channel.queueBind(await lab.queue(channel), '', 'k'),
      'channel 403 by queue.bind: ACCESS_REFUSED - operation not permitted on the default exchange',
    ],
    [
      'an unknown destination exchange',
      (_, channel) => channel.exchangeBind('not.there', 'amq.direct', 'k'),
      "channel 404 by exchange.bind: NOT_FOUND - no exchange 'not.there' in vhost '/'",
    ],
    [
      'an unknown source exchange',
      (_, channel) => channel.exchangeBind('amq.direct', 'not.there', 'k'),
      "channel 404 by exchange.bind: NOT_FOUND - no exchange 'not.there' in vhost '/'",
    ],
    [
      'the default exchange as a source',
      (_, channel) => channel.exchangeBind('amq.direct', '', 'k'),
      'channel 403 by exchange.bind: ACCESS_REFUSED - operation not permitted on the default exchange',
    ],
    [
      'the default exchange as a destination',
      (_, channel) => channel.exchangeBind('', 'amq.direct', 'k'),
      'channel 403 by exchange.bind: ACCESS_REFUSED - operation not permitted on the default exchange',
    ],
    [
      'an unbinding from the default exchange',
      async (lab, channel) => {
        const queue = await lab.queue(channel);
        return channel.queueUnbind(queue, '', queue);
      },
      'channel 403 by queue.unbind: ACCESS_REFUSED - operation not permitted on the default exchange',
    ],
    [
      'a headers binding with another x-match',
      async (lab, channel) =>
        channel.queueBind(await lab.queue(channel), 'amq.headers', '', { arguments: { 'x-match': 'some' } }),
      'channel 406 by queue.bind: PRECONDITION_FAILED - Invalid x-match field value <<"some">>; expected all, any, all-with-x, or any-with-x',
    ],
    [
      'a headers binding whose x-match is not a string',
      async (lab, channel) =>
        channel.queueBind(await lab.queue(channel), 'amq.headers', '', { arguments: { 'x-match': 5 } }),
      'channel 406 by queue.bind: PRECONDITION_FAILED - Invalid x-match field type signedint (value 5); expected longstr',
    ],
  ])('refuses: %s', async (_, act, expected) => {
    expect(await lab.refusal(act(lab, await lab.channel()))).toBe(expected);
  });

  it('a repeated queue.bind changes nothing: one delivery, and one unbind removes the binding', async () => {
    const channel = await lab.channel({ confirm: true });
    const [exchange, queue] = [await lab.exchange(channel), await lab.queue(channel)];
    for (let count = 0; count < 2; count++) await channel.queueBind(queue, exchange, 'k');
    await channel.publish(exchange, 'k', 'once');
    expect(await lab.drain(channel, queue)).toEqual(['once']);
    await channel.queueUnbind(queue, exchange, 'k');
    await channel.publish(exchange, 'k', 'never');
    expect(await lab.drain(channel, queue)).toEqual([]);
  });

  it('bindings that differ only in their arguments are separate, and are unbound separately', async () => {
    const channel = await lab.channel({ confirm: true });
    const [exchange, queue] = [await lab.exchange(channel, 'headers'), await lab.queue(channel)];
    const [one, two] = [{ arguments: { 'x-match': 'all', a: 1 } }, { arguments: { 'x-match': 'all', b: 1 } }];
    await channel.queueBind(queue, exchange, '', one);
    await channel.queueBind(queue, exchange, '', two);
    await channel.queueUnbind(queue, exchange, '', one);
    await channel.publish(exchange, '', 'a', { headers: { a: 1 } });
    await channel.publish(exchange, '', 'b', { headers: { b: 1 } });
    expect(await lab.drain(channel, queue)).toEqual(['b']);
  });

  it.each<[string, (lab: Lab, channel: Channel) => Promise<unknown>]>([
    ['an unknown binding', async (lab, channel) => channel.queueUnbind(await lab.queue(channel), 'amq.direct', 'k')],
    ['an unknown queue', (_, channel) => channel.queueUnbind('not.there', 'amq.direct', 'k')],
    ['an unknown exchange', async (lab, channel) => channel.queueUnbind(await lab.queue(channel), 'not.there', 'k')],
    ['unknown exchanges', (_, channel) => channel.exchangeUnbind('not.there', 'neither', 'k')],
  ])('to unbind %s is not an error', async (_, act) => {
    const channel = await lab.channel();
    await act(lab, channel);
    expect(channel.isOpen).toBe(true);
  });

  it('a queue with several matching bindings receives a message once', async () => {
    const channel = await lab.channel({ confirm: true });
    const [exchange, queue] = [await lab.exchange(channel, 'topic'), await lab.queue(channel)];
    for (const pattern of ['a.*', '#', 'a.b']) await channel.queueBind(queue, exchange, pattern);
    await channel.publish(exchange, 'a.b', 'once');
    expect(await lab.drain(channel, queue)).toEqual(['once']);
  });

  it('bound exchanges route a message once to each queue, also in cycles', async () => {
    const channel = await lab.channel({ confirm: true });
    const [a, b, queue] = [
      await lab.exchange(channel, 'fanout'),
      await lab.exchange(channel, 'fanout'),
      await lab.queue(channel),
    ];
    await channel.exchangeBind(b, a);
    await channel.exchangeBind(a, b);
    for (const exchange of [a, b]) await channel.queueBind(queue, exchange);
    await channel.publish(a, '', 'once');
    expect(await lab.drain(channel, queue)).toEqual(['once']);
    await channel.exchangeUnbind(b, a);
    await channel.queueUnbind(queue, a);
    await channel.publish(a, '', 'cut');
    expect(await lab.drain(channel, queue)).toEqual([]);
  });

  it('every exchange on the route filters by the routing key', async () => {
    const channel = await lab.channel({ confirm: true });
    const [outer, inner] = [await lab.exchange(channel, 'topic'), await lab.exchange(channel, 'direct')];
    const queue = await lab.queue(channel);
    await channel.exchangeBind(inner, outer, 'order.*');
    await channel.queueBind(queue, inner, 'order.paid');
    for (const key of ['order.paid', 'order.created', 'invoice.paid']) await channel.publish(outer, key, key);
    expect(await lab.drain(channel, queue)).toEqual(['order.paid']);
  });

  it('a delivery has the exchange and routing key of its publish, through all exchanges', async () => {
    const channel = await lab.channel({ confirm: true });
    const [outer, inner] = [await lab.exchange(channel, 'fanout', {}, 'outer'), await lab.exchange(channel, 'fanout')];
    const queue = await lab.queue(channel);
    await channel.exchangeBind(inner, outer);
    await channel.queueBind(queue, inner);
    await channel.publish(outer, 'the.key', 'x');
    const delivery = await channel.basicGet(queue, { noAck: true });
    expect([lab.plain(delivery!.exchange), delivery!.routingKey]).toEqual(['outer', 'the.key']);
  });

  it('a connection can neither bind nor unbind an exclusive queue of another', async () => {
    const [owner, other] = [await lab.channel(), await lab.channel()];
    const queue = await lab.queue(owner, { exclusive: true });
    expect(await lab.refusal(other.queueBind(queue, 'amq.direct', 'k'))).toMatch(
      /^channel 405 by queue.bind: RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '\/'/,
    );
    const another = await lab.channel();
    // To unbind a binding that does not exist is not an error, whoever owns the queue.
    await another.queueUnbind(queue, 'amq.direct', 'k');
    await owner.queueBind(queue, 'amq.direct', 'k');
    expect(await lab.refusal(another.queueUnbind(queue, 'amq.direct', 'k'))).toMatch(/^channel 405 by queue.unbind/);
  });
});
