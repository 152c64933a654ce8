import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import type { MessageProperties } from '../../lib/client/index.js';
import type { AmqpModuleOptions } from '../registry/amqp-module.options.js';
import type { MessageSerializer } from './message-serializer.js';
import { MessageSerializers } from './message-serializers.js';
import { SerializationError, UndecodableMessageError } from './serialization.errors.js';

const serializersWith = (options: Partial<AmqpModuleOptions> = {}): MessageSerializers =>
  new MessageSerializers({ url: 'amqp://localhost', ...options });

const decode = (
  body: string | Uint8Array,
  properties: MessageProperties,
  options?: Partial<AmqpModuleOptions>,
): unknown => serializersWith(options).decode(Buffer.from(body as string), properties);

describe('MessageSerializers', () => {
  it.each([
    ['an object', { id: 7, tags: ['a'] }, 'application/json'],
    ['null', null, 'application/json'],
    ['a number', 12.5, 'application/json'],
    ['a string', 'grün ☕', 'text/plain'],
    ['bytes', Buffer.from([0, 255, 128]), 'application/octet-stream'],
  ])('brings back %s, by the type that it chose', (_, payload, expected) => {
    const { body, contentType } = serializersWith().encode(payload);
    expect(contentType).toBe(expected);
    expect(serializersWith().decode(Buffer.from(body), { contentType })).toEqual(payload);
  });

  it('takes any Uint8Array for bytes and does not copy it', () => {
    const bytes = new Uint8Array([1, 2, 3]);
    expect(serializersWith().encode(bytes).body).toBe(bytes);
  });

  it.each([
    ['an ArrayBuffer', new Uint8Array([1, 2, 3]).buffer],
    ['a SharedArrayBuffer', new SharedArrayBuffer(3)],
    ['a part of an ArrayBuffer', new DataView(new Uint8Array([9, 1, 2, 3, 9]).buffer, 1, 3)],
    ['numbers', new Float32Array([1.5])],
  ])('sends %s as bytes', (_, payload) => {
    const bytes = ArrayBuffer.isView(payload)
      ? Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
      : Buffer.from(payload);
    const { body, contentType } = serializersWith().encode(payload);
    expect(Buffer.from(body)).toEqual(bytes);
    expect(contentType).toBe('application/octet-stream');
  });

  it.each<[string, unknown, RegExp]>([
    ['a promise', Promise.resolve(1), /a promise: is an await missing/],
    ['an object with then()', { then: () => {} }, /a promise: is an await missing/],
    ['a Map', new Map([[1, 2]]), /a Map as an empty object: send Object\.fromEntries\(map\)/],
    ['a Set', new Set([1]), /a Set as an empty object: send \[\.\.\.set\]/],
    ['a WeakMap', new WeakMap(), /WeakMap/],
    ['a WeakSet', new WeakSet(), /WeakSet/],
    ['an error', Object.assign(new Error('s3cret'), { code: 5 }), /an Error as an empty object: send an object with its message/],
    ['a generator', (function* () { yield 1; })(), /Generator\) as an empty object: send an array/],
    ['an iterator', [1].values(), /Array Iterator\) as an empty object: send an array/],
    ['a Blob', new Blob(['a']), /Blob\).*bytes/],
    ['URLSearchParams', new URLSearchParams('a=1'), /URLSearchParams/],
    ['Headers', new Headers({ a: '1' }), /Headers/],
    ['a RegExp', /a/, /RegExp/],
    ['text with a lone surrogate', 'a\ud800', /lone surrogate/],
  ])('refuses %s instead of sending something else', (_, payload, message) => {
    expect(() => serializersWith().encode(payload)).toThrow(SerializationError);
    expect(() => serializersWith().encode(payload)).toThrow(message);
    expect(() => serializersWith().encode(payload)).not.toThrow(/s3cret/);
  }); // prettier-ignore

  it.each<[string, unknown, string]>([
    ['an empty object', {}, '{}'],
    ['an object without prototype', Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    ['an instance of a class without fields', new (class Ping {})(), '{}'],
    ['an array of a class', new (class List extends Array<number> {})(1), '[null]'],
    ['a Date', new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['a URL', new URL('amqp://a'), '"amqp://a"'],
    ['an Error with toJSON()', Object.assign(new Error('no'), { toJSON: () => 'no' }), '"no"'],
  ])('still writes %s as JSON', (_, payload, json) => {
    expect(Buffer.from(serializersWith().encode(payload).body).toString()).toBe(json);
  });

  class Secret {
    readonly #text = 's3cret';
    readonly names = new Set([this.#text]);
  }

  it.each<[string, object, string]>([
    ['a Map', { lines: [{ tags: new Map([[1, 2]]) }] }, 'JSON would write a Map at lines.0.tags as an object: send Object.fromEntries(map) or [...map]'],
    ['a Set of an instance', new Secret(), 'JSON would write a Set at names as an object: send [...set]'],
    ['an Error', { a: {}, cause: new Error('s3cret') }, 'JSON would write an Error at cause as an object: send an object with its message'],
    ['a promise', { total: Promise.resolve('s3cret') }, 'JSON would write a promise at total as an object: is an await missing?'],
    ['a typed array', [new Uint8Array([7])], 'JSON would write bytes (Uint8Array) at 0 as an object: send a text, such as base64, or an array of numbers'],
    ['an empty typed array', [new Float32Array()], 'JSON would write bytes (Float32Array) at 0'],
    ['an ArrayBuffer', { body: new ArrayBuffer(3) }, 'JSON would write bytes (ArrayBuffer) at body'],
  ])('refuses %s inside of a payload, with its path', (_, payload, text) => {
    const encode = () => serializersWith().encode(payload);
    expect(encode).toThrow(SerializationError);
    expect(encode).toThrow(text);
    expect(encode).not.toThrow('s3cret');
  }); // prettier-ignore

  it.each<[string, object, string]>([
    ['an empty object', { a: {}, b: [{}], text: '{}' }, '{"a":{},"b":[{}],"text":"{}"}'],
    ['an object with the key 0', { a: { 0: 1 } }, '{"a":{"0":1}}'],
    ['an object of JSON', { a: { toJSON: () => ({}) }, date: new Date(0) }, '{"a":{},"date":"1970-01-01T00:00:00.000Z"}'],
    ['an instance without properties', { a: new (class Nothing {})() }, '{"a":{}}'],
    ['a Buffer', { a: Buffer.from([7]), b: {} }, '{"a":{"type":"Buffer","data":[7]},"b":{}}'],
    ['an own toJSON', { toJSON: () => ({}), map: new Map() }, '{}'],
  ])('writes %s inside of a payload as it is', (_, payload, json) => {
    expect(serializersWith().encode(payload).body.toString()).toBe(json);
  }); // prettier-ignore

  it('leaves a Map to a serializer that can write it', () => {
    const cbor: MessageSerializer = {
      accepts: ({ mediaType }) => mediaType === 'application/cbor',
      serialize: (payload) => Buffer.from([(payload as Map<unknown, unknown>).size]),
      deserialize: (body) => body,
    };
    const { body } = serializersWith({ serializers: [cbor] }).encode(new Map([[1, 2]]), 'application/cbor');
    expect([...body]).toEqual([1]);
  });

  it('sends bytes as they are under the content type that they are given', () => {
    const bytes = Buffer.from('{"raw":true}');
    expect(serializersWith().encode(bytes, 'application/json')).toEqual({
      body: bytes,
      contentType: 'application/json',
    });
  });

  it('writes a string as JSON where JSON is asked for, so that it comes back as a string', () => {
    const { body } = serializersWith().encode('7', 'application/json');
    expect(Buffer.from(body).toString()).toBe('"7"');
  });

  it.each([
    ['undefined', undefined, undefined, /JSON.*undefined/],
    ['a bigint', 1n, undefined, /BigInt/],
    ['an object as text', {}, 'text/plain', /string.*payload is object/],
    [
      'text in a charset that it does not write',
      'ä',
      'text/plain; charset=iso-8859-1',
      /UTF-8.*iso-8859-1.*send the bytes/,
    ],
    ['an object of a type that nobody writes', {}, 'application/x-protobuf', /'application\/x-protobuf'/],
  ])('refuses to send %s and says why', (_, payload, contentType, message) => {
    expect(() => serializersWith().encode(payload, contentType)).toThrow(SerializationError);
    expect(() => serializersWith().encode(payload, contentType)).toThrow(message);
  });

  it.each([
    ['parameters and capitals', 'Application/JSON; charset="UTF-8"', '{"a":1}', { a: 1 }],
    ['JSON under another name', 'application/cloudevents+json', '[1]', [1]],
    ['any text', 'text/csv', 'a;b', 'a;b'],
  ])('reads %s', (_, contentType, body, payload) => {
    expect(decode(body, { contentType })).toEqual(payload);
  });

  it('reads text in its charset', () => {
    expect(decode(Buffer.from([0xe4]), { contentType: 'text/plain; charset=ISO-8859-1' })).toBe('ä');
  });

  it('leaves bytes as they are when nobody knows the content type', () => {
    expect(decode('{"a":1}', { contentType: 'application/x-unknown' })).toEqual(Buffer.from('{"a":1}'));
  });

  it.each([
    ['an object', '{"a":1}', { a: 1 }],
    ['an array behind spaces', ' \r\n\t[1]', [1]],
  ])('N4.1 reads %s of JSON that names no content type', (_, body, payload) => {
    expect(decode(body, {})).toEqual(payload);
  });

  it.each([
    ['broken JSON', Buffer.from('{"a":')],
    ['an object that is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['a number', Buffer.from('17')],
    ['a word', Buffer.from('true')],
    ['nothing', Buffer.alloc(0)],
    ['spaces', Buffer.from('  ')],
  ])('N4.1 leaves %s as bytes when there is no content type', (_, body) => {
    expect(decode(body, {})).toEqual(body);
  });

  it('N4.1 leaves JSON as bytes when the module says that it is bytes', () => {
    const body = Buffer.from('{"a":1}');
    expect(decode(body, {}, { defaultContentType: 'application/octet-stream' })).toEqual(body);
  });

  it('takes messages without content type for what the module says', () => {
    const options = { defaultContentType: 'application/json' };
    expect(decode('{"a":1}', {}, options)).toEqual({ a: 1 });
    expect(decode('{"a":1}', { contentType: 'text/plain' }, options)).toBe('{"a":1}');
  });

  it.each([
    ['broken JSON', '{"secret', 'application/json'],
    ['no JSON at all', '', 'application/json'],
    ['JSON that is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'application/json'],
    ['text that is not UTF-8', Buffer.from([0xff]), 'text/plain'],
    ['text in a charset that nobody knows', 'a', 'text/plain; charset=klingon'],
  ])('cannot decode %s', (_, body, contentType) => {
    expect(() => decode(body, { contentType })).toThrow(UndecodableMessageError);
  });

  it('says what could not be decoded, and keeps the payload out of it', async () => {
    const properties = { contentType: 'application/json', contentEncoding: 'gzip' };
    const attempt = decode(gzipSync('{"secret'), properties) as Promise<unknown>;
    await expect(attempt).rejects.toThrow("its 8 bytes are not valid 'application/json' with content encoding 'gzip'");
    await expect(attempt).rejects.not.toThrow(/secret/);
    expect(() => serializersWith().decodeNow(gzipSync('{"secret'), properties)).toThrow(UndecodableMessageError);
  });

  it('decodes a body with a content encoding, and any other at once', async () => {
    const json = { contentType: 'application/json', contentEncoding: 'gzip' };
    expect(await decode(gzipSync('{"a":1}'), json)).toEqual({ a: 1 });
    expect(await decode(gzipSync('{"a":1}'), { contentEncoding: 'gzip' })).toEqual({ a: 1 });
    expect(decode('{"a":1}', { contentType: 'application/json', contentEncoding: 'utf-8' })).toEqual({ a: 1 });
    expect(serializersWith().decodeNow(gzipSync('{"a":1}'), json)).toEqual({ a: 1 });
    expect(() => decode('{"a":1}', { ...json, contentEncoding: 'lz4' })).toThrow(UndecodableMessageError);
  });

  it('tells serializers the content encoding, and waits for asynchronous ones', async () => {
    const told: unknown[] = [];
    const later: MessageSerializer = {
      accepts: ({ mediaType }) => mediaType === 'text/x-later',
      serialize: () => Buffer.alloc(0),
      deserialize: async (body, _, contentEncoding) => {
        told.push(contentEncoding);
        if (body.length === 0) throw new Error('secret');
        return body.toString();
      },
    };
    const options = { serializers: [later] };
    const contentType = 'text/x-later';
    expect(await decode('a', { contentType }, options)).toBe('a');
    expect(await decode(gzipSync('b'), { contentType, contentEncoding: 'gzip' }, options)).toBe('b');
    expect(await decode('c', { contentType, contentEncoding: 'latin1' }, options)).toBe('c');
    expect(told).toEqual([undefined, 'gzip', 'latin1']);
    const failing = decode('', { contentType }, options) as Promise<unknown>;
    await expect(failing).rejects.toThrow(UndecodableMessageError);
    await expect(failing).rejects.not.toThrow(/secret/);
    expect(() => serializersWith(options).decodeNow(Buffer.from('a'), { contentType })).toThrow(/is asynchronous/);
    expect(() => serializersWith(options).decodeNow(Buffer.alloc(0), { contentType })).toThrow(/is asynchronous/);
  });

  it('asks the serializers of the module first', () => {
    const reverse = (text: string): string => [...text].reverse().join('');
    const reversed: MessageSerializer = {
      accepts: ({ mediaType }) => mediaType === 'text/x-reversed',
      serialize: (payload) => Buffer.from(reverse(payload as string)),
      deserialize: (body) => reverse(body.toString()),
    };
    const serializers = serializersWith({ serializers: [reversed] });
    const { body, contentType } = serializers.encode('abc', 'text/x-reversed');
    expect(Buffer.from(body).toString()).toBe('cba');
    expect(serializers.decode(Buffer.from(body), { contentType })).toBe('abc');
    expect(serializers.encode('abc').contentType).toBe('text/plain');
  });

  it('asks its serializers once for each content type, however many of these there are', () => {
    const asked: string[] = [];
    const none: MessageSerializer = {
      accepts: ({ mediaType }) => (asked.push(mediaType), false),
      serialize: () => Buffer.alloc(0),
      deserialize: () => undefined,
    };
    const serializers = serializersWith({ serializers: [none] });
    for (let turn = 0; turn < 3; turn++) expect(serializers.encode({}).contentType).toBe('application/json');
    expect(asked).toEqual(['application/json']);
    for (let kind = 0; kind < 1_000; kind++) {
      expect(serializers.decode(Buffer.from('1'), { contentType: `text/x-${kind}` })).toBe('1');
    }
    expect(serializers.decode(Buffer.from('1'), { contentType: 'application/json' })).toBe(1);
  });
});
