import { describe, expect, it } from '@jest/globals';
import type { Channel } from '../../lib/client/index.js';
import { useLab, type Lab } from './support/lab.js';

describe('exchanges', () => {
  const lab = useLab();

  it.each(['direct', 'fanout', 'topic', 'headers'])('declares one of type %s, again and passively', async (type) => {
    const channel = await lab.channel();
    const name = lab.name('x');
    for (const passive of [false, false, true]) await channel.exchangeDeclare(name, type, { durable: false, passive });
  });

  it.each([
    ['amq.direct', 'direct'],
    ['amq.fanout', 'fanout'],
    ['amq.topic', 'topic'],
    ['amq.headers', 'headers'],
    ['amq.match', 'headers'],
  ])('%s exists, durable, of type %s', async (name, type) => {
    const channel = await lab.channel();
    await channel.exchangeDeclare(name, type, { durable: true });
    await channel.exchangeDeclare(name, type, { passive: true });
  });

  it.each<[string, (lab: Lab, channel: Channel) => Promise<unknown>, string]>([
    [
      'a passive declaration of an unknown exchange',
      (_, channel) => channel.exchangeDeclare('not.there', 'direct', { passive: true }),
      "channel 404 by exchange.declare: NOT_FOUND - no exchange 'not.there' in vhost '/'",
    ],
    [
      'another type',
      async (lab, channel) => channel.exchangeDeclare(await lab.exchange(channel), 'fanout', { durable: false }),
      "channel 406 by exchange.declare: PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current is 'direct'",
    ],
    [
      'another durability',
      async (lab, channel) => channel.exchangeDeclare(await lab.exchange(channel), 'direct', { durable: true }),
      "channel 406 by exchange.declare: PRECONDITION_FAILED - inequivalent arg 'durable' for exchange 'x' in vhost '/': received 'true' but current is 'false'",
    ],
    [
      'another auto-delete',
      async (lab, channel) =>
        channel.exchangeDeclare(await lab.exchange(channel), 'direct', { durable: false, autoDelete: true }),
      "channel 406 by exchange.declare: PRECONDITION_FAILED - inequivalent arg 'auto_delete' for exchange 'x' in vhost '/': received 'true' but current is 'false'",
    ],
    [
      'another internal',
      async (lab, channel) =>
        channel.exchangeDeclare(await lab.exchange(channel), 'direct', { durable: false, internal: true }),
      "channel 406 by exchange.declare: PRECONDITION_FAILED - inequivalent arg 'internal' for exchange 'x' in vhost '/': received 'true' but current is 'false'",
    ],
    [
      'an added alternate exchange',
      async (lab, channel) =>
        channel.exchangeDeclare(await lab.exchange(channel), 'direct', {
          durable: false,
          arguments: { 'alternate-exchange': 'other' },
        }),
      "channel 406 by exchange.declare: PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange 'x' in vhost '/': received the value 'other' of type 'longstr' but current is none",
    ],
    [
      'a missing alternate exchange',
      async (lab, channel) =>
        channel.exchangeDeclare(
          await lab.exchange(channel, 'direct', { arguments: { 'alternate-exchange': 'other' } }),
          'direct',
          { durable: false },
        ),
      "channel 406 by exchange.declare: PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange 'x' in vhost '/': received none but current is the value 'other' of type 'longstr'",
    ],
    [
      'another alternate exchange',
      async (lab, channel) =>
        channel.exchangeDeclare(
          await lab.exchange(channel, 'direct', { arguments: { 'alternate-exchange': 'other' } }),
          'direct',
          { durable: false, arguments: { 'alternate-exchange': 'another' } },
        ),
      "channel 406 by exchange.declare: PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange 'x' in vhost '/': received 'another' but current is 'other'",
    ],
    [
      'an alternate exchange that is not a string',
      (lab, channel) => lab.exchange(channel, 'direct', { arguments: { 'alternate-exchange': 5 } }),
      "channel 406 by exchange.declare: PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'",
    ],
    [
      'a reserved name',
      (_, channel) => channel.exchangeDeclare('amq.mine', 'direct'),
      "channel 403 by exchange.declare: ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'",
    ],
    [
      'a passive declaration under a reserved name',
      (_, channel) => channel.exchangeDeclare('amq.mine', 'direct', { passive: true }),
      "channel 404 by exchange.declare: NOT_FOUND - no exchange 'amq.mine' in vhost '/'",
    ],
    [
      'the default exchange',
      (_, channel) => channel.exchangeDeclare('', 'direct'),
      'channel 403 by exchange.declare: ACCESS_REFUSED - operation not permitted on the default exchange',
    ],
    [
      'the default exchange, passively',
      (_, channel) => channel.exchangeDeclare('', 'direct', { passive: true }),
      'channel 403 by exchange.declare: ACCESS_REFUSED - operation not permitted on the default exchange',
    ],
    [
      'a system exchange of another type',
      (_, channel) => channel.exchangeDeclare('amq.direct', 'topic'),
      "channel 406 by exchange.declare: PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.direct' in vhost '/': received 'topic' but current is 'direct'",
    ],
  ])('refuses to declare: %s', async (_, act, expected) => {
    expect(await lab.refusal(act(lab, await lab.channel()))).toBe(expected);
  });

  it('a second declaration compares no argument but the alternate exchange', async () => {
    const channel = await lab.channel();
    const name = await lab.exchange(channel, 'direct', { arguments: { mine: 1 } });
    await channel.exchangeDeclare(name, 'direct', { durable: false, arguments: { mine: 2 } });
  });

  it.each<[string, (lab: Lab, channel: Channel) => Promise<unknown>, string]>([
    [
      'the default exchange',
      (_, channel) => channel.exchangeDelete(''),
      'channel 403 by exchange.delete: ACCESS_REFUSED - operation not permitted on the default exchange',
    ],
    [
      'a system exchange',
      (_, channel) => channel.exchangeDelete('amq.direct'),
      "channel 403 by exchange.delete: ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed",
    ],
    [
      'an exchange in use, if unused',
      async (lab, channel) => {
        const name = await lab.exchange(channel);
        await channel.queueBind(await lab.queue(channel), name);
        await channel.exchangeDelete(name, { ifUnused: true });
      },
      "channel 406 by exchange.delete: PRECONDITION_FAILED - exchange 'x' in vhost '/' in use",
    ],
  ])('refuses to delete: %s', async (_, act, expected) => {
    expect(await lab.refusal(act(lab, await lab.channel()))).toBe(expected);
  });

  it('exchange.delete of an unknown exchange is not an error', async () => {
    const channel = await lab.channel();
    for (const ifUnused of [false, true]) await channel.exchangeDelete('not.there', { ifUnused });
  });

  it('an exchange that is only a destination of bindings counts as unused', async () => {
    const channel = await lab.channel();
    const [source, destination] = [await lab.exchange(channel), await lab.exchange(channel)];
    await channel.exchangeBind(destination, source);
    await channel.exchangeDelete(destination, { ifUnused: true });
    await channel.exchangeDelete(source, { ifUnused: true });
  });

  it('exchange.delete removes the bindings too', async () => {
    const channel = await lab.channel({ confirm: true });
    const [name, queue] = [await lab.exchange(channel, 'fanout'), await lab.queue(channel)];
    await channel.queueBind(queue, name);
    await channel.exchangeDelete(name);
    await channel.exchangeDeclare(name, 'fanout', { durable: false });
    await channel.publish(name, '', 'x');
    expect(await lab.count(channel, queue)).toBe(0);
  });

  it.each<[string, (channel: Channel, queue: string, exchange: string) => Promise<unknown>]>([
    ['its last binding is removed', (channel, queue, exchange) => channel.queueUnbind(queue, exchange, 'k')],
    ['its last queue is deleted', (channel, queue) => channel.queueDelete(queue)],
  ])('an auto-delete exchange is deleted when %s', async (_, act) => {
    const channel = await lab.channel();
    const [exchange, queue] = [await lab.exchange(channel, 'direct', { autoDelete: true }), await lab.queue(channel)];
    await channel.exchangeDeclare(exchange, 'direct', { passive: true });
    await channel.queueBind(queue, exchange, 'k');
    await act(channel, queue, exchange);
    expect(await lab.refusal(channel.exchangeDeclare(exchange, 'direct', { passive: true }))).toMatch(/^channel 404/);
  });

  it('the end of an auto-delete exchange also deletes the auto-delete exchange that was bound only to it', async () => {
    const channel = await lab.channel();
    const options = { autoDelete: true };
    const [outer, inner] = [
      await lab.exchange(channel, 'fanout', options),
      await lab.exchange(channel, 'fanout', options),
    ];
    const queue = await lab.queue(channel);
    await channel.exchangeBind(inner, outer);
    await channel.queueBind(queue, inner);
    await channel.queueDelete(queue);
    for (const name of [inner, outer]) {
      const again = await lab.channel();
      expect(await lab.refusal(again.exchangeDeclare(name, 'fanout', { passive: true }))).toMatch(/^channel 404/);
    }
  });

  it('clients cannot publish to an internal exchange, other exchanges can', async () => {
    const channel = await lab.channel({ confirm: true });
    const internal = await lab.exchange(channel, 'fanout', { internal: true });
    const [outer, queue] = [await lab.exchange(channel, 'fanout'), await lab.queue(channel)];
    await channel.exchangeBind(internal, outer);
    await channel.queueBind(queue, internal);
    await channel.publish(outer, '', 'x');
    expect(await lab.drain(channel, queue)).toEqual(['x']);
    expect(await lab.refusal(channel.publish(internal, '', 'x'))).toBe(
      "channel 403 by basic.publish: ACCESS_REFUSED - cannot publish to internal exchange 'x' in vhost '/'",
    );
  });
});
