import { describe, expect, it } from '@jest/globals';
import {
  typed,
  type Channel,
  type FieldTable,
  type QueueDeclareOptions,
  type TypedKind,
} from '../../lib/client/index.js';
import { eventually, useLab, type Lab } from './support/lab.js';
import type { MethodArguments } from '../../lib/protocol/types.js';
import type { RawClient } from './support/raw-client.js';

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

  it('the broker names a queue without a name, each time differently', async () => {
    const channel = await lab.raw();
    const names = new Set<string>();
    for (let count = 0; count < 2; count++) {
      channel.send(1, 'queue.declare', { queue: '', exclusive: true });
      names.add((await channel.expect('queue.declareOk')).args.queue);
    }
    expect(names.size).toBe(2);
    for (const name of names) expect(name).toMatch(/^amq\.gen-[\w-]{22}$/);
  });

  it.each<[string, Partial<MethodArguments<'queue.declare'>>]>([
    ['as it is', { exclusive: true }],
    ['otherwise', { exclusive: true, durable: true, arguments: { 'x-max-length': 1 } }],
    ['without exclusive, by another connection', {}],
  ])('K8 refuses a declaration under a generated name: %s', async (_, options) => {
    const owner = await lab.raw();
    owner.send(1, 'queue.declare', { queue: '', exclusive: true });
    const { queue } = (await owner.expect('queue.declareOk')).args;
    const asking = options.exclusive ? owner : await lab.raw();
    asking.send(1, 'queue.declare', { queue, ...options });
    expect(await asking.refusal()).toBe(
      `channel 403 by queue.declare: ACCESS_REFUSED - queue name '${queue}' contains reserved prefix 'amq.*'`,
    );
    owner.send(2, 'channel.open');
    await owner.expect('channel.openOk');
    owner.send(2, 'queue.declare', { queue, passive: true });
    expect((await owner.expect('queue.declareOk')).args.queue).toBe(queue);
    owner.send(2, 'queue.delete', { queue });
    await owner.expect('queue.deleteOk');
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
      'an additional argument',
      {},
      { arguments: { 'x-max-length': 5 } },
      "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received the value '5' of type 'signedint' but current is none",
    ],
    [
      'a missing argument',
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
      'x-message-ttl that is not a number',
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
      'x-max-length that is not a number',
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
      'x-overflow that is not a string',
      { 'x-overflow': 1 },
      "invalid arg 'x-overflow' for queue 'q' in vhost '/': {unacceptable_type,signedint}",
    ],
    [
      'x-dead-letter-exchange that is not a string',
      { 'x-dead-letter-exchange': 1 },
      "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'",
    ],
    [
      'x-dead-letter-routing-key without an exchange',
      { 'x-dead-letter-routing-key': 'k' },
      "invalid arg 'x-dead-letter-routing-key' for queue 'q' in vhost '/': routing_key_but_no_dlx_defined",
    ],
    [
      'x-dead-letter-routing-key that is not a string',
      { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 5 },
      "invalid arg 'x-dead-letter-routing-key' for queue 'q' in vhost '/': {unacceptable_type,signedint}",
    ],
    [
      'x-single-active-consumer that is not a boolean',
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
  ])('accepts %s', async (_, args) => {
    const channel = await lab.channel();
    await channel.queueDeclare(lab.name(), { durable: true, arguments: args });
  });

  it.each<[string, (lab: Lab, channel: Channel) => Promise<unknown>, string]>([
    [
      'a passive declaration of an unknown queue',
      (_, channel) => channel.queueDeclare('not.there', { passive: true }),
      "channel 404 by queue.declare: NOT_FOUND - no queue 'not.there' in vhost '/'",
    ],
    [
      'a reserved name',
      (_, channel) => channel.queueDeclare('amq.mine'),
      "channel 403 by queue.declare: ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
    ],
    [
      'to purge an unknown queue',
      (_, channel) => channel.queuePurge('not.there'),
      "channel 404 by queue.purge: NOT_FOUND - no queue 'not.there' in vhost '/'",
    ],
    [
      'to get from an unknown queue',
      (_, channel) => channel.basicGet('not.there'),
      "channel 404 by basic.get: NOT_FOUND - no queue 'not.there' in vhost '/'",
    ],
    [
      'to consume from an unknown queue',
      (_, channel) => channel.basicConsume('not.there', () => undefined),
      "channel 404 by basic.consume: NOT_FOUND - no queue 'not.there' in vhost '/'",
    ],
    [
      'to delete a queue with consumers, if unused',
      async (lab, channel) => {
        const name = await lab.queue(channel);
        await channel.basicConsume(name, () => undefined);
        await channel.queueDelete(name, { ifUnused: true });
      },
      "channel 406 by queue.delete: PRECONDITION_FAILED - queue 'q' in vhost '/' in use",
    ],
    [
      'to delete a queue with messages, if empty',
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

  it('queue.delete returns the number of messages, and is not an error the second time', async () => {
    const channel = await lab.channel({ confirm: true });
    const name = await lab.queue(channel);
    for (let count = 0; count < 3; count++) await channel.publish('', name, 'x');
    expect(await channel.queueDelete(name, { ifUnused: true })).toBe(3);
    expect(await channel.queueDelete(name)).toBe(0);
    expect(await channel.queueDelete(name, { ifUnused: true, ifEmpty: true })).toBe(0);
  });

  it('a queue with only unacknowledged messages counts as empty; queue.delete counts ready messages', async () => {
    const channel = await lab.channel({ confirm: true });
    const name = await lab.queue(channel);
    for (const text of ['one', 'two']) await channel.publish('', name, text);
    await channel.basicGet(name);
    expect(await channel.queuePurge(name)).toBe(1);
    expect(await channel.queueDelete(name, { ifEmpty: true })).toBe(0);
  });

  it('queue.purge drops ready messages, returns their number, and keeps delivered ones', async () => {
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

    it('other connections may publish to the queue', async () => {
      const [publisher, owner] = await lab.channels();
      const queue = await lab.queue(owner, { exclusive: true });
      await publisher.publish('', queue, 'x');
      expect(await lab.drain(owner, queue)).toEqual(['x']);
    });

    it('other channels of its connection may use the queue', async () => {
      const connection = await lab.connect();
      const [one, two] = [await connection.openChannel(), await connection.openChannel()];
      const queue = await lab.queue(one, { exclusive: true });
      await one.close();
      expect(await two.queueDeclare(queue, { durable: false, exclusive: true })).toMatchObject({ queue });
    });

    it('is deleted with its connection', async () => {
      const [owner, other] = [await lab.connect(), await lab.channel()];
      const queue = await lab.queue(await owner.openChannel(), { exclusive: true });
      await owner.close();
      expect(await other.queueDeclare(queue, { durable: false })).toMatchObject({ messageCount: 0 });
    });

    it('is deleted with a connection that dies', async () => {
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
    it('is deleted with its last consumer', async () => {
      const channel = await lab.channel();
      const queue = await lab.queue(channel, { autoDelete: true });
      const [one, two] = [await channel.basicConsume(queue, () => 0), await channel.basicConsume(queue, () => 0)];
      await one.cancel();
      await channel.queueDeclare(queue, { passive: true });
      await two.cancel();
      expect(await lab.refusal(channel.queueDeclare(queue, { passive: true }))).toMatch(/^channel 404/);
    });

    it('is deleted with the channel of its last consumer', async () => {
      const [channel, other] = [await lab.channel(), await lab.channel()];
      const queue = await lab.queue(channel, { autoDelete: true });
      await channel.basicConsume(queue, () => 0);
      await channel.close();
      expect(await lab.refusal(other.queueDeclare(queue, { passive: true }))).toMatch(/^channel 404/);
    });

    it('stays as long as it never had a consumer', async () => {
      const channel = await lab.channel();
      const queue = await lab.queue(channel, { autoDelete: true });
      await channel.basicGet(queue);
      await channel.queueDeclare(queue, { passive: true });
    });
  });

  describe('arguments named like properties of JavaScript objects', () => {
    it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
      '%s is an unknown argument',
      async (name) => {
        const args = Object.defineProperty({}, name, { value: 5, enumerable: true }) as FieldTable;
        const client = await lab.raw();
        const queue = lab.name();
        // The second declaration finds an equal queue.
        for (let count = 0; count < 2; count++) {
          client.send(1, 'queue.declare', { queue, arguments: args });
          await client.expect('queue.declareOk');
        }
        client.send(1, 'exchange.declare', { exchange: queue, type: 'headers', arguments: args });
        await client.expect('exchange.declareOk');
        client.send(1, 'queue.bind', { queue, exchange: queue, arguments: { 'x-match': 'all', ...args } });
        await client.expect('queue.bindOk');
        client.send(1, 'basic.consume', { queue, arguments: args, consumerTag: 'c' });
        await client.expect('basic.consumeOk');
        client.publish(1, { exchange: queue, mandatory: true }, { headers: args });
        expect(Object.entries((await client.expect('basic.deliver')).properties!.headers!)).toEqual([[name, 5]]);
        client.publish(1, { exchange: queue, mandatory: true }, { headers: {} });
        await client.expect('basic.return');
      },
    );

    it.each<[string, FieldTable, string]>([
      ['x-expires', { toString: 1 } as unknown as FieldTable, `'[{<<"toString">>,signedint,1}]' of type 'table'`],
      ['x-dead-letter-exchange', { valueOf: 'x' } as unknown as FieldTable, `'[{<<"valueOf">>,longstr,<<"x">>}]' of type 'table'`], // prettier-ignore
      ['x-max-length', [1] as unknown as FieldTable, `'[{signedint,1}]' of type 'array'`],
    ])('in a second declaration, for %s', async (argument, value, told) => {
      const channel = await lab.channel();
      const queue = await lab.queue(channel);
      const again = channel.queueDeclare(queue, { durable: false, arguments: { [argument]: value } });
      expect(await lab.refusal(again)).toBe(
        `${PRECONDITION} inequivalent arg '${argument}' for queue 'q' in vhost '/': received the value ${told} but current is none`,
      );
    });
  });

  describe('a whole number that is a double or a float', () => {
    it.each<[string, TypedKind]>([
      ['x-message-ttl', 'double'],
      ['x-message-ttl', 'float'],
      ['x-expires', 'double'],
      ['x-max-length', 'double'],
      ['x-max-length-bytes', 'double'],
      ['x-max-priority', 'double'],
    ])('%s: a %s is not an integer', async (argument, kind) => {
      const channel = await lab.channel();
      const declared = channel.queueDeclare(lab.name(), { arguments: { [argument]: typed(kind, 10) } });
      expect(await lab.refusal(declared)).toBe(
        `${PRECONDITION} invalid arg '${argument}' for queue 'q' in vhost '/': "expected integer, got ${kind}"`,
      );
    });

    it('differs from the integer in a second declaration', async () => {
      const channel = await lab.channel();
      const queue = await lab.queue(channel, { arguments: { 'x-message-ttl': 10 } });
      const again = channel.queueDeclare(queue, {
        durable: false,
        arguments: { 'x-message-ttl': typed('double', 10) },
      });
      expect(await lab.refusal(again)).toBe(
        `${PRECONDITION} inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received '10.0' but current is '10'`,
      );
    });

    it('x-delivery-limit may differ in its type', async () => {
      const channel = await lab.channel();
      const args = { 'x-queue-type': 'quorum', 'x-delivery-limit': typed('double', 5) };
      await channel.queueDeclare(lab.name(), { arguments: args });
    });
  });

  describe('CR and LF', () => {
    it('are removed from the names in declarations, bindings and deletions', async () => {
      const client = await lab.raw();
      const name = lab.name();
      const [plain, dirty] = [`${name}X`, `${name}\r\nX`];
      for (const passive of [false, true]) {
        client.send(1, 'queue.declare', { queue: dirty, passive });
        expect((await client.expect('queue.declareOk')).args.queue).toBe(plain);
        client.send(1, 'exchange.declare', { exchange: dirty, type: 'direct', passive });
        await client.expect('exchange.declareOk');
      }
      // Routing keys are not names, so they keep CR and LF.
      client.send(1, 'queue.bind', { queue: dirty, exchange: dirty, routingKey: 'a\r\nb' });
      await client.expect('queue.bindOk');
      client.send(1, 'exchange.bind', { source: dirty, destination: dirty, routingKey: 'c' });
      await client.expect('exchange.bindOk');
      client.publish(1, { exchange: plain, routingKey: 'ab', mandatory: true });
      await client.expect('basic.return');
      client.publish(1, { exchange: plain, routingKey: 'a\r\nb', mandatory: true });
      client.send(1, 'basic.get', { queue: plain, noAck: true });
      expect((await client.expect('basic.getOk')).args.routingKey).toBe('a\r\nb');
      client.send(1, 'queue.unbind', { queue: dirty, exchange: dirty, routingKey: 'a\r\nb' });
      await client.expect('queue.unbindOk');
      client.publish(1, { exchange: plain, routingKey: 'a\r\nb', mandatory: true });
      await client.expect('basic.return');
      client.send(1, 'exchange.unbind', { source: dirty, destination: dirty, routingKey: 'c' });
      await client.expect('exchange.unbindOk');
      client.send(1, 'exchange.delete', { exchange: dirty, ifUnused: true });
      await client.expect('exchange.deleteOk');
      client.send(1, 'queue.delete', { queue: dirty });
      await client.expect('queue.deleteOk');
      client.send(1, 'queue.declare', { queue: plain, passive: true });
      expect(await lab.rawRefusal(client)).toBe("channel 404 by queue.declare: NOT_FOUND - no queue 'qX' in vhost '/'");
    });

    it.each<[string, (client: RawClient, name: string) => void, string]>([
      ['basic.get', (client, queue) => client.send(1, 'basic.get', { queue }), 'queue'],
      ['basic.consume', (client, queue) => client.send(1, 'basic.consume', { queue, consumerTag: 'c' }), 'queue'],
      ['queue.purge', (client, queue) => client.send(1, 'queue.purge', { queue }), 'queue'],
      ['basic.publish', (client, exchange) => client.publish(1, { exchange }), 'exchange'],
    ])('%s keeps CR and LF in the name that it looks up', async (method, send, kind) => {
      const client = await lab.raw();
      const name = lab.name();
      const dirty = `${name.slice(0, -1)}\r\n${name.slice(-1)}`;
      client.send(1, 'queue.declare', { queue: name });
      await client.expect('queue.declareOk');
      client.send(1, 'exchange.declare', { exchange: name, type: 'direct' });
      await client.expect('exchange.declareOk');
      send(client, dirty);
      expect(await client.refusal()).toBe(`channel 404 by ${method}: NOT_FOUND - no ${kind} '${dirty}' in vhost '/'`);
    });

    it('a name of CR and LF alone is empty, and a reserved prefix that contains them is reserved', async () => {
      const client = await lab.raw();
      client.send(1, 'queue.declare', { queue: '\r\n', exclusive: true });
      expect((await client.expect('queue.declareOk')).args.queue).toMatch(/^amq\.gen-/);
      client.send(1, 'queue.declare', { queue: 'a\nmq.x' });
      expect(await client.refusal()).toMatch(/queue name 'amq\.x' contains reserved prefix/);
    });
  });
});
