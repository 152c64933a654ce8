import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import type { Delivery } from '../../lib/client/index.js';
import { MessageSerializers } from '../serialization/message-serializers.js';
import { UndecodableMessageError } from '../serialization/serialization.errors.js';
import { decodeReply, encodeErrorReply, encodeReply, type EncodedReply } from './rpc-wire.js';
import { RpcRemoteError } from './rpc.errors.js';

const serializers = new MessageSerializers({});

const arrived = ({ body, properties }: EncodedReply): Delivery =>
  ({ body: Buffer.from(body), properties }) as unknown as Delivery;

function failureOf(reply: EncodedReply): RpcRemoteError {
  try {
    decodeReply(serializers, arrived(reply));
  } catch (error) {
    return error as RpcRemoteError;
  }
  throw new Error('the reply is no failure');
}

describe('replies', () => {
  it.each([
    ['an object', { id: 1 }],
    ['null', null],
    ['a string', 'grün'],
    ['an empty string', ''],
    ['bytes', Buffer.from([0, 255])],
    ['no bytes', Buffer.alloc(0)],
    ['nothing', undefined],
    ['what looks like a failure', { status: 'error', message: 'as data' }],
  ])('carry %s', (_, value) => {
    expect(decodeReply(serializers, arrived(encodeReply(serializers, value)))).toEqual(value);
  });

  it('carry a failure as JSON, marked by a header', () => {
    const reply = encodeErrorReply({
      name: 'NotFoundException',
      message: 'no order',
      data: { id: 7 },
      statusCode: 404,
    });
    expect(reply.properties.headers).toEqual({ 'x-rpc-error': true });
    const body = { status: 'error', message: 'no order', name: 'NotFoundException', data: { id: 7 }, statusCode: 404 };
    expect(JSON.parse(Buffer.from(reply.body).toString())).toEqual(body);
    const failure = failureOf(reply);
    expect(failure).toBeInstanceOf(RpcRemoteError);
    expect(failure).toMatchObject({
      message: 'no order',
      remoteName: 'NotFoundException',
      data: { id: 7 },
      statusCode: 404,
      errorId: undefined,
    });
  });

  it('carry the id of a failure that they hide', () => {
    const failure = failureOf(encodeErrorReply({ message: 'internal error 7', name: 'Error', id: '7' }));
    expect(failure).toMatchObject({
      message: 'internal error 7',
      data: undefined,
      statusCode: undefined,
      errorId: '7',
    });
  });

  it('have no status and no id where a foreign service has sent other values for them', () => {
    const body = JSON.stringify({ message: 'no', statusCode: '404', id: { $ne: 1 } });
    const reply = { body: Buffer.from(body), properties: { headers: { 'x-rpc-error': true } } };
    expect(failureOf(reply)).toMatchObject({ message: 'no', statusCode: undefined, errorId: undefined });
  });

  it('leave out what JSON has no form for', () => {
    const reply = encodeErrorReply({ message: 'big', name: 'Error', data: { code: 7n } });
    expect(failureOf(reply)).toMatchObject({ message: 'big', data: undefined });
  });

  it('that are marked as failures and are none are undecodable, not a value', () => {
    const reply = { body: Buffer.from('{'), properties: { headers: { 'x-rpc-error': true } } };
    expect(() => decodeReply(serializers, arrived(reply))).toThrow(UndecodableMessageError);
  });
});
