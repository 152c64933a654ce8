import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from './bytes.js';
import { EncodingError, WireError } from './errors.js';
import { methodId, methodName, readMethod, writeMethod } from './methods.js';
import { argumentsOf, bytes, method, methodNames } from './protocol.arbitraries.js';
import { sizesNotRefused } from './receiver.arbitraries.js';
import type { Method, MethodArguments, MethodName } from './types.js';

function encode<N extends MethodName>(name: N, args: MethodArguments<N>): Buffer {
  const writer = new ByteWriter(8);
  writeMethod(writer, name, args);
  return writer.view();
}

const encodeMethod = (it: Method): Buffer => encode(it.name, it.args as MethodArguments<MethodName>);
const decode = (payload: Buffer): Method => readMethod(new ByteReader(payload));
const hex = (...parts: string[]): string => parts.join('').replaceAll(' ', '');
const latin = (text: string): string => Buffer.from(text).toString('hex');

describe('methods of the table', () => {
  it('has all of them', () => {
    expect(methodNames.length).toBeGreaterThanOrEqual(60);
    expect(new Set(methodNames.map((name) => methodId(name))).size).toBe(methodNames.length);
  });

  it.each(methodNames)('%s is read back as it was written, and nothing but WireError when cut', (name) => {
    fc.assert(
      fc.property(argumentsOf(name), (args) => {
        const payload = encode(name, args);
        expect(decode(payload)).toEqual({ name, args });
        expect(sizesNotRefused(payload, decode)).toEqual([]);
      }),
      { numRuns: 10 },
    );
  });

  it('refuses bytes behind the last argument', () => {
    fc.assert(
      fc.property(method(), fc.integer({ min: 0, max: 255 }), (given, more) => {
        const payload = Buffer.concat([encodeMethod(given), Buffer.of(more)]);
        expect(() => decode(payload)).toThrow(WireError);
      }),
    );
  });

  it('makes of any bytes behind a valid id a method or a WireError', () => {
    fc.assert(
      fc.property(fc.constantFrom(...methodNames), bytes(80), (name, rest) => {
        const id = Buffer.alloc(4);
        id.writeUInt32BE(methodId(name));
        try {
          decode(Buffer.concat([id, rest]));
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('answers an unknown method with COMMAND_INVALID', () => {
    expect(() => decode(Buffer.from('003c00ff', 'hex'))).toThrow(
      expect.objectContaining({ replyCode: 503, message: 'unknown method 60.255' }),
    );
    expect(methodName(60, 255)).toBeUndefined();
  });

  it('keeps nothing of the buffer it reads', () => {
    const payload = Buffer.from(encode('connection.secure', { challenge: Buffer.from('abc') }));
    const read = decode(payload);
    payload.fill(0xee);
    expect(read.args).toEqual({ challenge: Buffer.from('abc') });
  });

  it('sends reserved arguments as zero, whatever is passed', () => {
    const args = { queue: 'q', noAck: true, reserved1: 7 };
    expect(encode('basic.get', args).toString('hex')).toBe(hex('003c0046', '0000', '01', latin('q'), '01'));
    const open = { virtualHost: '/', reserved1: 'x', reserved2: true };
    expect(encode('connection.open', open).toString('hex')).toBe(hex('000a0028', '01 2f', '00', '00'));
  });
});

/** Written by hand from amqp0-9-1.xml: a mistake that writer and reader share shows here. */
const vectors: readonly [Method, string][] = [
  [
    { name: 'connection.tuneOk', args: { channelMax: 2047, frameMax: 131072, heartbeat: 60 } },
    hex('000a001f', '07ff', '00020000', '003c'),
  ],
  [
    { name: 'connection.close', args: { replyCode: 320, replyText: 'bye', classId: 60, methodId: 40 } },
    hex('000a0032', '0140', '03', latin('bye'), '003c', '0028'),
  ],
  [{ name: 'channel.openOk', args: {} }, hex('0014000b', '00000000')],
  [
    {
      name: 'exchange.declare',
      args: {
        exchange: 'e',
        type: 'topic',
        passive: false,
        durable: true,
        autoDelete: false,
        internal: true,
        noWait: false,
        arguments: {},
      },
    },
    hex('0028000a', '0000', '01', latin('e'), '05', latin('topic'), '0a', '00000000'),
  ],
  [{ name: 'exchange.unbindOk', args: {} }, '00280033'],
  [
    {
      name: 'queue.declare',
      args: {
        queue: 'billing',
        passive: true,
        durable: false,
        exclusive: true,
        autoDelete: false,
        noWait: true,
        arguments: { 'x-max-length': 5 },
      },
    },
    hex('0032000a', '0000', '07', latin('billing'), '15', '00000012', '0c', latin('x-max-length'), '49 00000005'),
  ],
  [{ name: 'basic.qos', args: { prefetchSize: 0, prefetchCount: 50, global: true } }, '003c000a00000000003201'],
  [
    {
      name: 'basic.deliver',
      args: { consumerTag: 'c', deliveryTag: 2 ** 32 + 1, redelivered: true, exchange: '', routingKey: 'k' },
    },
    hex('003c003c', '01', latin('c'), '0000000100000001', '01', '00', '01', latin('k')),
  ],
  [{ name: 'basic.nack', args: { deliveryTag: 7, multiple: false, requeue: true } }, '003c0078000000000000000702'],
  [{ name: 'confirm.select', args: { noWait: true } }, '0055000a01'],
];

describe('known methods', () => {
  it.each(vectors.map(([given, wire]) => [given.name, given, wire] as const))('%s', (_name, given, wire) => {
    expect(encodeMethod(given).toString('hex')).toBe(wire);
    expect(decode(Buffer.from(wire, 'hex'))).toEqual(given);
  });
});

describe('wrong arguments', () => {
  it.each([-1, 0x1_0000, 1.5, NaN, '7', undefined, null, 7n])(
    'names the argument that is no short: %p',
    (heartbeat) => {
      const args = { channelMax: 0, frameMax: 0, heartbeat: heartbeat as number };
      expect(() => encode('connection.tuneOk', args)).toThrow(EncodingError);
      expect(() => encode('connection.tuneOk', args)).toThrow(/^heartbeat of connection.tuneOk must be/);
    },
  );

  it.each([undefined, 'text', [1], 5])('names the argument that is no long string: %p', (response) => {
    const args = { response: response as unknown as Uint8Array };
    expect(() => encode('connection.secureOk', args)).toThrow(EncodingError);
    expect(() => encode('connection.secureOk', args)).toThrow(/^response of connection.secureOk must be/);
  });

  it.each([undefined, 5, 'a'.repeat(256)])('names the argument that is no short string: %p', (consumerTag) => {
    const args = { consumerTag: consumerTag as string };
    expect(() => encode('basic.cancelOk', args)).toThrow(/^consumerTag of basic.cancelOk/);
  });

  it('names the path into a table', () => {
    const args = { queue: 'q', exchange: '', routingKey: '', arguments: { a: { b: [1, () => 1] } } };
    expect(() => encode('queue.unbind', args as never)).toThrow(
      new EncodingError('arguments of queue.unbind.a.b[1] is a function, which a field table cannot hold'),
    );
  });
});
