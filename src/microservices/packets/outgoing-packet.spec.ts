import { describe, expect, it } from '@jest/globals';
import { RmqRecordBuilder } from '@nestjs/microservices';
import { SerializationError } from '../../serialization/serialization.errors.js';
import { outgoingPacket, recordSerializer, type OutgoingPacket } from './outgoing-packet.js';

const sent = (packet: unknown): unknown =>
  JSON.parse((outgoingPacket(recordSerializer, packet) as OutgoingPacket).body.toString());

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
