import { describe, expect, it } from '@jest/globals';
import { typed, type Channel, type FieldTable, type QueueDeclareOptions } from '../../lib/client/index.js';
import { eventually, useLab, type Lab } from './support/lab.js';

const PRECONDITION = 'channel 406 by queue.declare: PRECONDITION_FAILED -';

describe('queues', () => {
  const lab = useLab();

  it('declares, again and passively, and counts messages and consumers', async () => {
    const channel = await lab.channel({ confirm: true });
    const name = lab.name();
    expect(await channel.queueDeclare(name, { durable: false })).toEqual({
      queue: name,
      messageCount: 0,
      consumerCount: 0,
    });
    for (let count = 0; count < 3; count++) await channel.publish('', name, 'x');
    expect(await channel.queueDeclare(name, { durable: false })).toMatchObject({ messageCount: 3, consumerCount: 0 });
    await channel.basicConsume(name, () => undefined, { prefetch: 1 });
    const passive = await channel.queueDeclare(name, { passive: true });
    expect(passive).toEqual({ queue: name, messageCount: 2, consumerCount: 1 });
  });

  it('names a queue itself, each time another', async () => {
    const channel = await lab.raw();
    const names = new Set<string>();
    for (let count = 0; count < 2; count++) {
      channel.send(1, 'queue.declare', { queue: '', exclusive: true });
      names.add((await channel.expect('queue.declareOk')).args.queue);
    }
    expect(names.size).toBe(2);
    for (const name of names) expect(name).toMatch(/^amq\.gen-[\w-]{22}$/);
  });

  it.each<[string, QueueDeclareOptions, QueueDeclareOptions, string]>([
    [
      'durable',
      { durable: false },
      { durable: true },
      "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'",
    ],
    [
      'not durable',
      { durable: true },
      { durable: false },
      "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'",
    ],
    [
      'auto-delete',
      { durable: false },
      { durable: false, autoDelete: true },
      "inequivalent arg 'auto_delete' for queue 'q' in vhost '/': received 'true' but current is 'false'",
    ],
    [
      'quorum',
      {},
      { arguments: { 'x-queue-type': 'quorum' } },
      "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received the value 'quorum' of type 'longstr' but current is none",
    ],
    ...(
      [
        ['x-message-ttl', 1000, 2000],
        ['x-expires', 100_000, 200_000],
        ['x-max-length', 10, 20],
        ['x-max-length-bytes', 1000, 2000],
        ['x-max-priority', 5, 6],
      ] as const
    ).map(([argument, one, two]): [string, QueueDeclareOptions, QueueDeclareOptions, string] => [
      argument,
      { arguments: { [argument]: one } },
      { arguments: { [argument]: two } },
      `inequivalent arg '${argument}' for queue 'q' in vhost '/': received '${two}' but current is '${one}'`,
    ]),
    [
      'x-overflow',
      { arguments: { 'x-overflow': 'drop-head' } },
      { arguments: { 'x-overflow': 'reject-publish' } },
      "inequivalent arg 'x-overflow' for queue 'q' in vhost '/': received 'reject-publish' but current is 'drop-head'",
    ],
    [
      'x-dead-letter-exchange',
      { arguments: { 'x-dead-letter-exchange': 'a' } },
      { arguments: { 'x-dead-letter-exchange': 'b' } },
      "inequivalent arg 'x-dead-letter-exchange' for queue 'q' in vhost '/': received 'b' but current is 'a'",
    ],
    [
      'an argument more',
      {},
      { arguments: { 'x-max-length': 5 } },
      "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received the value '5' of type 'signedint' but current is none",
    ],
    [
      'an argument less',
      { arguments: { 'x-max-length': 5 } },
      {},
      "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received none but current is the value '5' of type 'signedint'",
    ],
    [
      'single active consumer',
      { arguments: { 'x-single-active-consumer': true } },
      {},
      "inequivalent arg 'x-single-active-consumer' for queue 'q' in vhost '/': received none but current is the value 'true' of type 'bool'",
    ],
  ])('declared again with another: %s', async (_, first, second, text) => {
    const channel = await lab.channel();
    const name = lab.name();
    await channel.queueDeclare(name, { durable: true, ...first });
    const refusal = await lab.refusal(channel.queueDeclare(name, { durable: true, ...second }));
    // RabbitMQ 4 knows the type of a queue that was declared without one.
    const classic = text.replace(/received the value 'quorum' .*/, "received 'quorum' but current is 'classic'");
    expect(refusal).toBe(`${PRECONDITION} ${lab.version >= 4 ? classic : text}`);
  });

  it.each<[string, QueueDeclareOptions, QueueDeclareOptions]>([
    ['arguments that brokers do not know', { arguments: { mine: 1 } }, { arguments: { mine: 2 } }],
    [
      'the same number in another width',
      { arguments: { 'x-max-length': typed('int64', 5) } },
      { arguments: { 'x-max-length': 5 } },
    ],
    ['nothing, and classic', {}, { arguments: { 'x-queue-type': 'classic' } }],
    ['classic, and nothing', { arguments: { 'x-queue-type': 'classic' } }, {}],
  ])('is the same queue with: %s', async (_, first, second) => {
    const channel = await lab.channel();
    const name = lab.name();
    for (const options of [first, second]) await channel.queueDeclare(name, { durable: true, ...options });
  });

  it('a passive declaration compares nothing', async () => {
    const channel = await lab.channel();
    const name = await lab.queue(channel, { durable: false, arguments: { 'x-max-length': 5 } });
    await channel.queueDeclare(name, {
      durable: true,
      autoDelete: true,
      passive: true,
      arguments: { 'x-max-length': 9 },
    });
  });

  it.each<[string, FieldTable, string]>([
    [
      'x-message-ttl below 0',
      { 'x-message-ttl': -1 },
      "invalid arg 'x-message-ttl' for queue 'q' in vhost '/': {value_negative,-1}",
    ],
    [
      'x-message-ttl that is no number',
      { 'x-message-ttl': 'x' },
      `invalid arg 'x-message-ttl' for queue 'q' in vhost '/': "expected integer, got longstr"`,
    ],
    [
      'x-message-ttl that is a fraction',
      { 'x-message-ttl': typed('double', 1.5) },
      `invalid arg 'x-message-ttl' for queue 'q' in vhost '/': "expected integer, got double"`,
    ],
    ['x-expires of 0', { 'x-expires': 0 }, "invalid arg 'x-expires' for queue 'q' in vhost '/': {value_zero,0}"],
    [
      'x-expires below 0',
      { 'x-expires': -5 },
      "invalid arg 'x-expires' for queue 'q' in vhost '/': {value_negative,-5}",
    ],
    [
      'x-max-length below 0',
      { 'x-max-length': -1 },
      "invalid arg 'x-max-length' for queue 'q' in vhost '/': {value_negative,-1}",
    ],
    [
      'x-max-length that is no number',
      { 'x-max-length': true },
      `invalid arg 'x-max-length' for queue 'q' in vhost '/': "expected integer, got bool"`,
    ],
    [
      'x-max-length-bytes below 0',
      { 'x-max-length-bytes': -1 },
      "invalid arg 'x-max-length-bytes' for queue 'q' in vhost '/': {value_negative,-1}",
    ],
    [
      'x-max-priority over 255',
      { 'x-max-priority': 256 },
      "invalid arg 'x-max-priority' for queue 'q' in vhost '/': {max_value_exceeded,256}",
    ],
    [
      'x-max-priority below 0',
      { 'x-max-priority': -1 },
      "invalid arg 'x-max-priority' for queue 'q' in vhost '/': {value_negative,-1}",
    ],
    [
      'x-overflow of another kind',
      { 'x-overflow': 'explode' },
      "invalid arg 'x-overflow' for queue 'q' in vhost '/': invalid_overflow",
    ],
    [
      'x-overflow that is no string',
      { 'x-overflow': 1 },
      "invalid arg 'x-overflow' for queue 'q' in vhost '/': {unacceptable_type,signedint}",
    ],
    [
      'x-dead-letter-exchange that is no string',
      { 'x-dead-letter-exchange': 1 },
      "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'",
    ],
    [
      'x-dead-letter-routing-key without an exchange',
      { 'x-dead-letter-routing-key': 'k' },
      "invalid arg 'x-dead-letter-routing-key' for queue 'q' in vhost '/': routing_key_but_no_dlx_defined",
    ],
    [
      'x-dead-letter-routing-key that is no string',
      { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 5 },
      "invalid arg 'x-dead-letter-routing-key' for queue 'q' in vhost '/': {unacceptable_type,signedint}",
    ],
    [
      'x-single-active-consumer that is no boolean',
      { 'x-single-active-consumer': 'yes' },
      "invalid arg 'x-single-active-consumer' for queue 'q' in vhost '/': {unacceptable_type,longstr}",
    ],
    [
      'x-queue-mode of another kind',
      { 'x-queue-mode': 'quick' },
      `invalid arg 'x-queue-mode' for queue 'q' in vhost '/': "unsupported queue mode 'quick'"`,
    ],
    [
      'x-queue-type of another kind',
      { 'x-queue-type': 'strange' },
      `invalid arg 'x-queue-type' for queue 'q' in vhost '/': "unsupported queue type 'strange'"`,
    ],
  ])('refuses %s', async (_, args, text) => {
    const channel = await lab.channel();
    const declared = channel.queueDeclare(lab.name(), { durable: true, arguments: args });
    expect(await lab.refusal(declared)).toBe(`${PRECONDITION} ${text}`);
  });

  it.each<[string, FieldTable]>([
    ['x-message-ttl of 0', { 'x-message-ttl': 0 }],
    ['an x-message-ttl beyond 32 bits', { 'x-message-ttl': 4_294_967_296 }],
    ['an x-expires beyond 32 bits', { 'x-expires': 4_294_967_296 }],
    ['x-max-length of 0', { 'x-max-length': 0 }],
    ['x-max-priority of 255', { 'x-max-priority': 255 }],
    ['x-queue-mode lazy', { 'x-queue-mode': 'lazy' }],
    ['x-dead-letter-exchange of an exchange that is not there', { 'x-dead-letter-exchange': 'not.there' }],
    ['arguments that it does not know', { mine: 'yes', 'x-mine': 1 }],
  ])('takes %s', async (_, args) => {
    const channel = await lab.channel();
    await channel.queueDeclare(lab.name(), { durable: true, arguments: args });
  });

  it.each<[string, (lab: Lab, channel: Channel) => Promise<unknown>, string]>([
    [
      'a passive declaration of one that is not there',
      (_, channel) => channel.queueDeclare('not.there', { passive: true }),
      "channel 404 by queue.declare: NOT_FOUND - no queue 'not.there' in vhost '/'",
    ],
    [
      'a reserved name',
      (_, channel) => channel.queueDeclare('amq.mine'),
      "channel 403 by queue.declare: ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
    ],
    [
      'to purge one that is not there',
      (_, channel) => channel.queuePurge('not.there'),
      "channel 404 by queue.purge: NOT_FOUND - no queue 'not.there' in vhost '/'",
    ],
    [
      'to get from one that is not there',
      (_, channel) => channel.basicGet('not.there'),
      "channel 404 by basic.get: NOT_FOUND - no queue 'not.there' in vhost '/'",
    ],
    [
      'to consume from one that is not there',
      (_, channel) => channel.basicConsume('not.there', () => undefined),
      "channel 404 by basic.consume: NOT_FOUND - no queue 'not.there' in vhost '/'",
    ],
    [
      'to delete one with consumers, if unused',
      async (lab, channel) => {
        const name = await lab.queue(channel);
        await channel.basicConsume(name, () => undefined);
        await channel.queueDelete(name, { ifUnused: true });
      },
      "channel 406 by queue.delete: PRECONDITION_FAILED - queue 'q' in vhost '/' in use",
    ],
    [
      'to delete one with messages, if empty',
      async (lab, channel) => {
        const name = await lab.queue(channel);
        await channel.publish('', name, 'x');
        await channel.queueDelete(name, { ifEmpty: true });
      },
      "channel 406 by queue.delete: PRECONDITION_FAILED - queue 'q' in vhost '/' not empty",
    ],
  ])('refuses %s', async (_, act, expected) => {
    expect(await lab.refusal(act(lab, await lab.channel({ confirm: true })))).toBe(expected);
  });

  it('delete tells how many messages went, and is no error a second time', async () => {
    const channel = await lab.channel({ confirm: true });
    const name = await lab.queue(channel);
    for (let count = 0; count < 3; count++) await channel.publish('', name, 'x');
    expect(await channel.queueDelete(name, { ifUnused: true })).toBe(3);
    expect(await channel.queueDelete(name)).toBe(0);
    expect(await channel.queueDelete(name, { ifUnused: true, ifEmpty: true })).toBe(0);
  });

  it('a queue with unacknowledged messages only is empty; delete counts what is ready', async () => {
    const channel = await lab.channel({ confirm: true });
    const name = await lab.queue(channel);
    for (const text of ['one', 'two']) await channel.publish('', name, text);
    await channel.basicGet(name);
    expect(await channel.queuePurge(name)).toBe(1);
    expect(await channel.queueDelete(name, { ifEmpty: true })).toBe(0);
  });

  it('purge drops what is ready, tells how many, and leaves what is delivered', async () => {
    const channel = await lab.channel({ confirm: true });
    const name = await lab.queue(channel);
    for (const text of ['held', 'two', 'three']) await channel.publish('', name, text);
    const held = await channel.basicGet(name);
    expect(await channel.queuePurge(name)).toBe(2);
    expect(await channel.queuePurge(name)).toBe(0);
    held!.nack();
    expect((await channel.basicGet(name, { noAck: true }))!.text()).toBe('held');
  });

  describe('exclusive', () => {
    const locked =
      /RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '\/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.$/;

    it.each<[string, (channel: Channel, queue: string) => Promise<unknown>]>([
      ['declare', (channel, queue) => channel.queueDeclare(queue, { durable: false, exclusive: true })],
      ['declare without exclusive', (channel, queue) => channel.queueDeclare(queue, { durable: false })],
      ['declare passively', (channel, queue) => channel.queueDeclare(queue, { passive: true })],
      ['consume', (channel, queue) => channel.basicConsume(queue, () => undefined)],
      ['get', (channel, queue) => channel.basicGet(queue)],
      ['purge', (channel, queue) => channel.queuePurge(queue)],
      ['delete', (channel, queue) => channel.queueDelete(queue)],
    ])('%s from another connection', async (_, act) => {
      const [owner, other] = [await lab.channel(), await lab.channel()];
      const queue = await lab.queue(owner, { exclusive: true });
      const refusal = await lab.refusal(act(other, queue));
      expect(refusal).toMatch(/^channel 405 by /);
      expect(refusal).toMatch(locked);
    });

    it('others may publish to it', async () => {
      const [publisher, owner] = await lab.channels();
      const queue = await lab.queue(owner, { exclusive: true });
      await publisher.publish('', queue, 'x');
      expect(await lab.drain(owner, queue)).toEqual(['x']);
    });

    it('its connection’s other channels may use it', async () => {
      const connection = await lab.connect();
      const [one, two] = [await connection.openChannel(), await connection.openChannel()];
      const queue = await lab.queue(one, { exclusive: true });
      await one.close();
      expect(await two.queueDeclare(queue, { durable: false, exclusive: true })).toMatchObject({ queue });
    });

    it('goes with its connection', async () => {
      const [owner, other] = [await lab.connect(), await lab.channel()];
      const queue = await lab.queue(await owner.openChannel(), { exclusive: true });
      await owner.close();
      expect(await other.queueDeclare(queue, { durable: false })).toMatchObject({ messageCount: 0 });
    });

    it('goes with a connection that dies', async () => {
      const client = await lab.raw();
      const queue = lab.name();
      client.send(1, 'queue.declare', { queue, exclusive: true });
      await client.expect('queue.declareOk');
      client.destroy();
      await eventually(async () => {
        const other = await lab.channel();
        const seen = await lab.refusal(other.queueDeclare(queue, { passive: true }));
        return seen.startsWith('channel 404');
      });
    });

    it('declared again by its owner without exclusive is locked', async () => {
      const channel = await lab.channel();
      const queue = await lab.queue(channel, { exclusive: true });
      expect(await lab.refusal(channel.queueDeclare(queue, { durable: false }))).toMatch(locked);
    });
  });

  describe('auto-delete', () => {
    it('goes with its last consumer', async () => {
      const channel = await lab.channel();
      const queue = await lab.queue(channel, { autoDelete: true });
      const [one, two] = [await channel.basicConsume(queue, () => 0), await channel.basicConsume(queue, () => 0)];
      await one.cancel();
      await channel.queueDeclare(queue, { passive: true });
      await two.cancel();
      expect(await lab.refusal(channel.queueDeclare(queue, { passive: true }))).toMatch(/^channel 404/);
    });

    it('goes with the channel of its last consumer', async () => {
      const [channel, other] = [await lab.channel(), await lab.channel()];
      const queue = await lab.queue(channel, { autoDelete: true });
      await channel.basicConsume(queue, () => 0);
      await channel.close();
      expect(await lab.refusal(other.queueDeclare(queue, { passive: true }))).toMatch(/^channel 404/);
    });

    it('stays while it never had a consumer', async () => {
      const channel = await lab.channel();
      const queue = await lab.queue(channel, { autoDelete: true });
      await channel.basicGet(queue);
      await channel.queueDeclare(queue, { passive: true });
    });
  });
});
