import { describe, expect, it } from '@jest/globals';
import type { FieldTable } from '../../lib/client/index.js';
import { typed } from '../../lib/client/index.js';
import { unchecked } from '../client/support/unchecked.js';
import { useLab } from './support/lab.js';

describe('routing', () => {
  const lab = useLab();

  it.each<[pattern: string, matching: string[], others: string[]]>([
    ['', [''], ['a', '.']],
    ['a', ['a'], ['', 'b', 'a.b', 'A']],
    ['a.b', ['a.b'], ['a', 'a.b.c', 'b.a', 'a.b.']],
    ['*', ['a', 'long-word'], ['', 'a.b', '.']],
    ['*.*', ['a.b', '.', 'a.'], ['a', 'a.b.c', '']],
    ['a.*', ['a.b', 'a.'], ['a', 'b.a', 'a.b.c']],
    ['*.a', ['b.a', '.a'], ['a', 'a.b', 'c.b.a']],
    ['#', ['', 'a', 'a.b', 'a.b.c', '.', '..'], []],
    ['a.#', ['a', 'a.b', 'a.b.c', 'a.'], ['', 'b', 'b.a']],
    ['#.a', ['a', 'b.a', 'c.b.a'], ['', 'a.b', 'b']],
    ['a.#.b', ['a.b', 'a.x.b', 'a.x.y.b'], ['a', 'b', 'a.x', 'x.b', 'b.a']],
    ['*.#', ['a', 'a.b', 'a.b.c'], ['']],
    ['#.*', ['a', 'a.b', 'a.b.c'], ['']],
    ['#.#', ['', 'a', 'a.b'], []],
    ['*.#.*', ['a.b', 'a.b.c'], ['a', '']],
    ['a.*.#', ['a.b', 'a.b.c'], ['a', 'b.a']],
    ['#.a.#', ['a', 'b.a', 'a.b', 'x.a.y'], ['', 'b', 'aa']],
    ['#.a.#.b.#', ['a.b', 'a.x.b', 'x.a.y.b.z', 'a.a.b.b'], ['b.a', 'a', 'b']],
    ['a.*.c', ['a.b.c', 'a..c'], ['a.c', 'a.b.b.c', 'a.b']],
    ['a*', ['a*'], ['ab', 'a']],
    ['a#.b', ['a#.b'], ['a.b', 'ax.b']],
    ['ä.*', ['ä.ö'], ['a.ö']],
  ])("topic pattern '%s'", async (pattern, matching, others) => {
    const channel = await lab.channel({ confirm: true });
    const [exchange, queue] = [await lab.exchange(channel, 'topic'), await lab.queue(channel)];
    await channel.queueBind(queue, exchange, pattern);
    for (const key of [...matching, ...others]) await channel.publish(exchange, key, key);
    expect(await lab.drain(channel, queue)).toEqual(matching);
  });

  it.each<[what: string, pattern: FieldTable, matching: FieldTable[], others: FieldTable[]]>([
    ['no arguments', {}, [{}, { a: 1 }], []],
    [
      'all by default',
      { a: 1, b: 2 },
      [
        { a: 1, b: 2 },
        { a: 1, b: 2, c: 3 },
      ],
      [{}, { a: 1 }, { a: 1, b: 3 }],
    ],
    ['all', { 'x-match': 'all', a: 1, b: 2 }, [{ a: 1, b: 2 }], [{ a: 1 }, {}]],
    ['any', { 'x-match': 'any', a: 1, b: 2 }, [{ a: 1 }, { b: 2 }, { a: 1, b: 3 }], [{}, { a: 2 }, { c: 1 }]],
    ['any of nothing', { 'x-match': 'any' }, [], [{}, { a: 1 }]],
    ['all of nothing', { 'x-match': 'all' }, [{}, { a: 1 }], []],
    ['all, x- headers left out', { 'x-match': 'all', a: 1, 'x-b': 2 }, [{ a: 1 }, { a: 1, 'x-b': 3 }], [{ 'x-b': 2 }]],
    ['any, x- headers left out', { 'x-match': 'any', a: 1, 'x-b': 2 }, [{ a: 1 }], [{ 'x-b': 2 }]],
    ['all-with-x', { 'x-match': 'all-with-x', a: 1, 'x-b': 2 }, [{ a: 1, 'x-b': 2 }], [{ a: 1 }, { 'x-b': 2 }]],
    ['any-with-x', { 'x-match': 'any-with-x', a: 1, 'x-b': 2 }, [{ a: 1 }, { 'x-b': 2 }], [{ 'x-b': 3 }, {}]],
    ['presence', { a: null }, [{ a: 1 }, { a: 'x' }, { a: null }], [{}, { b: 1 }]],
    ['strings', { a: 'x' }, [{ a: 'x' }], [{ a: 'y' }, { a: '' }, { a: 'X' }]],
    ['booleans', { a: true }, [{ a: true }], [{ a: false }, { a: 'true' }, { a: 1 }]],
    [
      'integers of any width',
      { a: 1 },
      [{ a: 1 }, { a: typed('int8', 1) }, { a: typed('int64', 1) }],
      [{ a: 2 }, { a: '1' }],
    ],
    ['tables', { a: { b: 1 } }, [{ a: { b: 1 } }], [{ a: { b: 2 } }, { a: {} }, { a: 1 }]],
    ['arrays', { a: [1, 'x'] }, [{ a: [1, 'x'] }], [{ a: [1] }, { a: ['x', 1] }]],
    [
      'timestamps',
      { a: new Date(1_700_000_000_000) },
      [{ a: new Date(1_700_000_000_000) }],
      [{ a: new Date(1_600_000_000_000) }],
    ],
    ['names are case sensitive', { a: 1 }, [{ a: 1 }], [{ A: 1 }]],
  ])('headers: %s', async (what, pattern, matching, others) => {
    const channel = await lab.channel({ confirm: true });
    const [exchange, queue] = [await lab.exchange(channel, 'headers'), await lab.queue(channel)];
    await channel.queueBind(queue, exchange, '', { arguments: pattern });
    for (const [index, headers] of [...matching, ...others].entries()) {
      await channel.publish(exchange, '', String(index), { headers });
    }
    // RabbitMQ 4 stores headers as AMQP 1.0 values, so no timestamp equals another.
    const expected = lab.version >= 4 && what === 'timestamps' ? [] : matching.map((_, index) => String(index));
    expect(await lab.drain(channel, queue)).toEqual(expected);
  });

  it('a message without headers matches a headers binding without conditions', async () => {
    const channel = await lab.channel({ confirm: true });
    const [exchange, queue] = [await lab.exchange(channel, 'headers'), await lab.queue(channel)];
    await channel.queueBind(queue, exchange);
    await channel.publish(exchange, '', 'x');
    expect(await lab.drain(channel, queue)).toEqual(['x']);
  });

  it('direct: routes by the whole key to every queue that is bound with it', async () => {
    const channel = await lab.channel({ confirm: true });
    const [exchange, one, two] = [await lab.exchange(channel), await lab.queue(channel), await lab.queue(channel)];
    for (const queue of [one, two]) await channel.queueBind(queue, exchange, 'k');
    await channel.queueBind(two, exchange, 'other');
    for (const key of ['k', 'other', 'K', 'k.', '*', '#', '']) await channel.publish(exchange, key, key);
    expect(await lab.drain(channel, one)).toEqual(['k']);
    expect(await lab.drain(channel, two)).toEqual(['k', 'other']);
  });

  it('fanout: ignores the key', async () => {
    const channel = await lab.channel({ confirm: true });
    const [exchange, queue] = [await lab.exchange(channel, 'fanout'), await lab.queue(channel)];
    await channel.queueBind(queue, exchange, 'not looked at');
    for (const key of ['', 'a', 'b.c']) await channel.publish(exchange, key, key);
    expect(await lab.drain(channel, queue)).toEqual(['', 'a', 'b.c']);
  });

  it('default exchange: routes to every queue by its name', async () => {
    const channel = await lab.channel({ confirm: true });
    const [one, two] = [await lab.queue(channel), await lab.queue(channel)];
    await channel.publish('', one, 'one');
    await channel.publish('', two, 'two');
    const delivery = await channel.basicGet(one, { noAck: true });
    expect([delivery!.exchange, delivery!.routingKey, delivery!.text()]).toEqual(['', one, 'one']);
  });

  it('CC and BCC add routing keys; BCC is removed, CC stays', async () => {
    const channel = await lab.channel({ confirm: true });
    const [to, cc, bcc] = [await lab.queue(channel), await lab.queue(channel), await lab.queue(channel)];
    await channel.publish('', to, 'x', { headers: { CC: [cc], BCC: [bcc], other: 1 } });
    for (const queue of [to, cc, bcc]) {
      const delivery = await channel.basicGet(queue, { noAck: true });
      expect(delivery!.routingKey).toBe(to);
      expect(delivery!.properties.headers).toEqual({ CC: [cc], other: 1 });
    }
  });

  it('CC has to be an array', async () => {
    const channel = await lab.channel({ confirm: true });
    expect(await lab.refusal(channel.publish('', 'q', 'x', unchecked({ headers: { CC: 'no array' } })))).toBe(
      'channel 406 by basic.publish: PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"CC",longstr}',
    );
  });

  describe('alternate exchanges', () => {
    it('receive the messages that find no queue, and no others', async () => {
      const channel = await lab.channel({ confirm: true });
      const alternate = await lab.exchange(channel, 'fanout');
      const main = await lab.exchange(channel, 'direct', { arguments: { 'alternate-exchange': alternate } });
      const [queue, rest] = [await lab.queue(channel), await lab.queue(channel)];
      await channel.queueBind(queue, main, 'known');
      await channel.queueBind(rest, alternate);
      await channel.publish(main, 'known', 'known', { mandatory: true });
      await channel.publish(main, 'unknown', 'unknown', { mandatory: true });
      expect(await lab.drain(channel, queue)).toEqual(['known']);
      expect(await lab.drain(channel, rest)).toEqual(['unknown']);
    });

    it('are tried in turn until one is missing or does not exist', async () => {
      const channel = await lab.channel({ confirm: true });
      const last = await lab.exchange(channel, 'direct', { arguments: { 'alternate-exchange': 'not.there' } });
      const first = await lab.exchange(channel, 'direct', { arguments: { 'alternate-exchange': last } });
      const queue = await lab.queue(channel);
      await channel.queueBind(queue, last, 'k');
      await channel.publish(first, 'k', 'x', { mandatory: true });
      expect(await lab.drain(channel, queue)).toEqual(['x']);
      await expect(channel.publish(first, 'lost', 'x', { mandatory: true })).rejects.toThrow('NO_ROUTE');
    });

    it('that refer to each other drop the message', async () => {
      const channel = await lab.channel({ confirm: true });
      const [one, two] = [lab.name('one'), lab.name('two')];
      await channel.exchangeDeclare(one, 'direct', { durable: false, arguments: { 'alternate-exchange': two } });
      await channel.exchangeDeclare(two, 'direct', { durable: false, arguments: { 'alternate-exchange': one } });
      await expect(channel.publish(one, 'k', 'x', { mandatory: true })).rejects.toThrow('NO_ROUTE');
    });

    it('are also used when a bound exchange finds no queue', async () => {
      const channel = await lab.channel({ confirm: true });
      const alternate = await lab.exchange(channel, 'fanout');
      const outer = await lab.exchange(channel, 'fanout');
      const inner = await lab.exchange(channel, 'direct', { arguments: { 'alternate-exchange': alternate } });
      const rest = await lab.queue(channel);
      await channel.exchangeBind(inner, outer);
      await channel.queueBind(rest, alternate);
      await channel.publish(outer, 'k', 'x');
      expect(await lab.drain(channel, rest)).toEqual(['x']);
    });
  });
});
