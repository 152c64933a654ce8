import { Buffer } from 'node:buffer';
import { NotFoundException } from '@nestjs/common';
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

/** As `RpcException` of `@nestjs/microservices`. */
class FakeRpcException extends Error {
  constructor(
    message: string,
    private readonly error: unknown,
  ) {
    super(message);
  }

  getError(): unknown {
    return this.error;
  }
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

  it('carry failures with name and message, and never a stack', () => {
    const error = new TypeError('no such order');
    const reply = encodeErrorReply(error);
    expect(JSON.parse(Buffer.from(reply.body).toString())).toEqual({
      status: 'error',
      message: 'no such order',
      name: 'TypeError',
    });
    const failure = failureOf(reply);
    expect(failure).toBeInstanceOf(RpcRemoteError);
    expect(failure).toMatchObject({ message: 'no such order', remoteName: 'TypeError', data: undefined });
  });

  it('carry what Nest’s exceptions say beyond that', () => {
    expect(failureOf(encodeErrorReply(new FakeRpcException('seven', { code: 7 }))).data).toEqual({ code: 7 });
    expect(failureOf(encodeErrorReply(new NotFoundException('no order')))).toMatchObject({
      remoteName: 'NotFoundException',
      data: { statusCode: 404, message: 'no order' },
    });
  });

  it('leave out what JSON has no form for', () => {
    expect(failureOf(encodeErrorReply(new FakeRpcException('big', { code: 7n })))).toMatchObject({
      message: 'big',
      data: undefined,
    });
  });

  it('tell nothing of what was thrown and is no error: it may be the payload', () => {
    const failure = failureOf(encodeErrorReply({ card: '4111' }));
    expect(failure).toMatchObject({ message: 'the handler has failed', remoteName: 'Error', data: undefined });
  });

  it('that are marked as failures and are none are undecodable, not a value', () => {
    const reply = { body: Buffer.from('{'), properties: { headers: { 'x-rpc-error': true } } };
    expect(() => decodeReply(serializers, arrived(reply))).toThrow(UndecodableMessageError);
  });
});
