import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConfigurationError, EncodedField, EncodingError, type Channel } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';

/** Values that have no text, and one that has. */
const NO_NAMES: readonly (readonly [string, unknown])[] = [
  ['a Symbol', Symbol('name')],
  ['an object without a prototype', Object.create(null)],
  ['a number', 5],
  ['null', null],
];

const NAMED: Readonly<Record<string, (channel: Channel, name: never) => Promise<unknown>>> = {
  'the exchange of exchangeDeclare': (channel, name) => channel.exchangeDeclare(name, 'direct'),
  'the type of exchangeDeclare': (channel, name) => channel.exchangeDeclare('e', name),
  'the exchange of exchangeDelete': (channel, name) => channel.exchangeDelete(name),
  'the source of exchangeBind': (channel, name) => channel.exchangeBind('e', name),
  'the destination of exchangeUnbind': (channel, name) => channel.exchangeUnbind(name, 'e'),
  'the queue of queueDeclare': (channel, name) => channel.queueDeclare(name),
  'the queue of queueBind': (channel, name) => channel.queueBind(name, 'e'),
  'the routing key of queueUnbind': (channel, name) => channel.queueUnbind('q', 'e', name),
  'the queue of queuePurge': (channel, name) => channel.queuePurge(name),
  'the queue of queueDelete': (channel, name) => channel.queueDelete(name),
  'the queue of basicConsume': (channel, name) => channel.basicConsume(name, () => undefined),
  'the queue of basicGet': (channel, name) => channel.basicGet(name),
  'the tag of basicCancel': (channel, name) => channel.basicCancel(name),
};

const OPTIONS: readonly (readonly [string, (channel: Channel, wrong: never) => Promise<unknown>, object])[] = [
  ['exchangeDeclare', (channel, wrong) => channel.exchangeDeclare('e', 'direct', wrong), { durable: 'false' }],
  ['exchangeDelete', (channel, wrong) => channel.exchangeDelete('e', wrong), { ifUnused: 1 }],
  ['queueDeclare', (channel, wrong) => channel.queueDeclare('q', wrong), { exclusive: 'true' }],
  ['queueDeclare', (channel, wrong) => channel.queueDeclare('q', wrong), { arguments: [] }],
  ['queueDeclare', (channel, wrong) => channel.queueDeclare('q', wrong), { timeout: Symbol('t') }],
  ['queueDelete', (channel, wrong) => channel.queueDelete('q', wrong), { ifEmpty: 'no' }],
  ['queueBind', (channel, wrong) => channel.queueBind('q', 'e', '', wrong), { arguments: 'x' }],
  ['queuePurge', (channel, wrong) => channel.queuePurge('q', wrong), { timeout: '5' }],
  ['basicQos', (channel, wrong) => channel.basicQos(1, wrong), { global: 'false' }],
  ['basicGet', (channel, wrong) => channel.basicGet('q', wrong), { noAck: 0 }],
  ['basicConsume', (channel, wrong) => channel.basicConsume('q', () => undefined, wrong), { noAck: 'false' }],
  ['basicConsume', (channel, wrong) => channel.basicConsume('q', () => undefined, wrong), { onCancel: 5 }],
  ['basicConsume', (channel, wrong) => channel.basicConsume('q', () => undefined, wrong), { onTooLarge: 'x' }],
  ['basicConsume', (channel, wrong) => channel.basicConsume('q', () => undefined, wrong), { consumerTag: 5 }],
  ['consume', (channel, wrong) => channel.consume('q', wrong).next(), { onTooLarge: 'x' }],
  ['basicRecover', (channel, wrong) => channel.basicRecover(wrong), { requeue: 'false' }],
];

/** A string as it is received. */
const STRING = new EncodedField(Buffer.from('S\0\0\0\x01a', 'latin1'));

const refused = (wrong: object, name: string): [object, RegExp] => [
  wrong,
  new RegExp(`^publish: ${name} must be an? `),
];

describe('D5 a value of a wrong type is refused before anything is sent', () => {
  const harness = useClientHarness();
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);
  beforeAll(() => void process.on('unhandledRejection', onUnhandled));
  afterAll(() => void process.off('unhandledRejection', onUnhandled));

  it.each(Object.entries(NAMED))('D5 %s', async (_, call) => {
    const connection = await harness.connect();
    const open = await connection.openChannel();
    const waiting = connection.channel({ openAfter: () => new Promise(() => {}) });
    for (const channel of [open, waiting]) {
      for (const [, name] of NO_NAMES) {
        const error = await errorOf(call(channel, name as never));
        expect(error).toBeInstanceOf(EncodingError);
        expect(error.message).toMatch(/ of (exchange|queue|basic)\.[a-z]+ must be a string, not /);
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
    expect(open.isOpen).toBe(true);
  });

  it.each(OPTIONS)('D5 an option of %s', async (_, call, wrong) => {
    const channel = await (await harness.connect()).openChannel();
    const error = await errorOf(call(channel, wrong as never));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(new RegExp(`^${Object.keys(wrong)[0]} must be `));
    expect(unhandled).toEqual([]);
    expect(channel.isOpen).toBe(true);
  });

  it('D5 a handler that is no function, and a channelFlow that is no flag', async () => {
    const channel = await (await harness.connect()).openChannel();
    for (const handler of [undefined, null, {}, 'handler']) {
      const error = await errorOf(channel.basicConsume('q', handler as never));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toBe('basicConsume: the handler must be a function');
    }
    expect(await errorOf(channel.channelFlow('false' as never))).toBeInstanceOf(ConfigurationError);
  });

  it.each(['true', 1, 'yes', '', 0, null])('D5 a publish whose mandatory is %j', async (mandatory) => {
    const connection = await harness.connect();
    const open = await connection.openChannel({ confirm: true });
    const waiting = connection.channel({ openAfter: () => new Promise(() => {}) });
    for (const channel of [open, waiting]) {
      const error = await errorOf(channel.publish('', 'nowhere', 'x', { mandatory } as never));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toBe('publish: mandatory must be true or false');
    }
    expect(open.isOpen).toBe(true);
  });

  it.each<[object, RegExp]>([
    ...['10s', 'soon', '', '-1', '+1', '1.5', '1 ', '1\n'].map((expiration) => refused({ expiration }, 'expiration')),
    ...['a', null, 5, { a: 'b' }, true, STRING].map((CC) => refused({ headers: { CC } }, 'headers.CC')),
    refused({ headers: { BCC: 'a' } }, 'headers.BCC'),
  ])('D5 a property for which RabbitMQ would close the channel, %j, ends no other publish', async (wrong, message) => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const { queue } = await channel.queueDeclare(harness.name(), { exclusive: true });
    const before = Array.from({ length: 50 }, () => channel.publish('', queue, 'x'));
    const error = await errorOf(channel.publish('', queue, 'x', wrong));
    expect(error).toBeInstanceOf(EncodingError);
    expect(error.message).toMatch(message);
    expect(await Promise.all([...before, channel.publish('', queue, 'x')])).toHaveLength(51);
  }); // prettier-ignore

  it('D5 what RabbitMQ accepts as expiration, CC and BCC is sent', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const { queue } = await channel.queueDeclare(harness.name(), { exclusive: true });
    const received = new EncodedField(Buffer.from('A\0\0\0\x06S\0\0\0\x01a', 'latin1'));
    for (const expiration of ['60000', '4294967296', 60_000]) await channel.publish('', queue, 'x', { expiration });
    for (const CC of [[], ['a'], ['a', 7], received, undefined]) {
      await channel.publish('', queue, 'x', { headers: { CC, BCC: ['b'] } });
    }
    expect((await channel.queueDeclare(queue, { exclusive: true })).messageCount).toBe(8);
  });

  it('D5 an option of a settlement settles nothing', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const { queue } = await channel.queueDeclare(harness.name(), { exclusive: true });
    await channel.publish('', queue, 'x');
    const delivery = (await channel.basicGet(queue))!;
    expect(() => delivery.nack({ requeue: 'false' as never })).toThrow('requeue must be true or false');
    expect(() => delivery.reject({ requeue: 1 as never })).toThrow(ConfigurationError);
    expect(() => delivery.ack({ multiple: 'no' as never })).toThrow(ConfigurationError);
    expect(delivery.settled).toBe(false);
    delivery.ack();
  });
});
