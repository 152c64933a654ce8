import { describe, expect, it } from '@jest/globals';
import { RmqRecordBuilder } from '@nestjs/microservices';
import { ConfigurationError } from '../../../lib/client/index.js';
import { SerializationError } from '../../serialization/serialization.errors.js';
import type { AmqpRecordOptions } from './amqp.record.js';
import { messageProperties, outgoingPacket, recordSerializer, type OutgoingPacket } from './outgoing-packet.js';

const sent = (packet: unknown): unknown =>
  JSON.parse((outgoingPacket(recordSerializer, packet) as OutgoingPacket).body.toString());

const DEFAULTS = { persistent: true, mandatory: undefined };

describe('outgoingPacket', () => {
  it.each<[string, object, RegExp]>([
    ['a promise', Promise.resolve(1), /a promise: is an await missing/],
    ['a Map', new Map([[1, 2]]), /a Map as an empty object/],
    ['an Error', new Error('s3cret'), /an Error as an empty object/],
    ['an ArrayBuffer', new ArrayBuffer(3), /ArrayBuffer\) as an empty object: send a Buffer/],
    ['a DataView', new DataView(new ArrayBuffer(3)), /DataView\) as an empty object: send a Buffer/],
  ])('refuses %s as data, in a record, and as a response', (_, content, message) => {
    const record = new RmqRecordBuilder(content).setOptions({ priority: 1 }).build();
    for (const packet of [{ pattern: 'p', data: content }, { pattern: 'p', data: record }, { response: content }]) {
      expect(() => sent(packet)).toThrow(SerializationError);
      expect(() => sent(packet)).toThrow(message);
      expect(() => sent(packet)).not.toThrow(/s3cret/);
    }
  });

  it('refuses a Map inside of data and of a response, with its path', () => {
    const tags = new Map([['s3cret', 1]]);
    expect(() => sent({ pattern: 'p', data: { lines: [{ tags }] } })).toThrow(
      'The data of the packet cannot be sent: JSON would write a Map at lines.0.tags as an object',
    );
    expect(() => sent({ response: { tags } })).toThrow(
      'The response of the packet cannot be sent: JSON would write a Map',
    );
    expect(sent({ err: { cause: new Error('s3cret') } })).toEqual({ err: { cause: {} } });
  });

  it('names a serializer that makes nothing', () => {
    expect(() => outgoingPacket({ serialize: () => undefined }, {})).toThrow(
      new SerializationError('The packet cannot be sent: its serializer made undefined, which JSON cannot encode'),
    );
  });

  it('writes what Transport.RMQ writes for bytes and plain values', () => {
    expect(sent({ pattern: 'p', data: Buffer.from('a') })).toEqual({
      pattern: 'p',
      data: { type: 'Buffer', data: [97] },
    });
    expect(sent({ response: new Uint8Array([7]) })).toEqual({ response: { 0: 7 } });
    expect(sent({ pattern: 'p', data: {} })).toEqual({ pattern: 'p', data: {} });
    expect(sent({ response: undefined, isDisposed: true })).toEqual({ isDisposed: true });
  });
});

describe('the options of a record', () => {
  it.each<[string, readonly unknown[]]>([
    ['mandatory must be true or false', ['true', 1, '', 0, null]],
    ['persistent must be true or false', ['no', 1, null]],
    ['deliveryMode must be true or false or a whole number from 1 to 2', ['persistent', 0, 3, null]],
    ["expiration must be milliseconds from 0, or text such as '10s'", ['10 s', '', -1, null]],
    ['priority must be a whole number from 0 to 255', ['5', 256, null]],
    ['headers must be an object', [null, 'abc', [], { CC: 'a' }]],
    ['CC must be a string or an array of strings', [null, 5, ['a', 7], {}]],
    ['BCC must be a string or an array of strings', [null, 5]],
    ['timestamp must be a whole number of at least 0 or a Date', ['2026-01-01', -1, NaN, null]],
    ['messageId must be a string', [5, null]],
  ])('that are wrong are refused: %s', (expected, wrongs) => {
    const [name] = expected.split(' ') as [string];
    for (const wrong of wrongs) {
      const convert = () => messageProperties({ [name]: wrong } as AmqpRecordOptions, DEFAULTS);
      expect(convert).toThrow(ConfigurationError);
      expect(convert).toThrow(`options of a record: ${expected}`);
    }
  });

  it('become properties of the core', () => {
    const options = { expiration: '10s', CC: 'a', BCC: ['b'], deliveryMode: false, timestamp: 5 };
    expect(messageProperties(options, DEFAULTS)).toEqual({
      expiration: 10_000,
      headers: { CC: ['a'], BCC: ['b'] },
      deliveryMode: 1,
      timestamp: new Date(5_000),
      mandatory: true,
    });
    expect(messageProperties({ expiration: '60000' }, DEFAULTS)).toMatchObject({
      expiration: '60000',
      deliveryMode: 2,
    });
  });
});
