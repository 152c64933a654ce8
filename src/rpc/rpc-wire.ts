import { Buffer } from 'node:buffer';
import type { Delivery, MessageProperties } from '../../lib/client/index.js';
import type { MessageSerializers } from '../serialization/message-serializers.js';
import { RpcRemoteError } from './rpc.errors.js';

/*
 * The form of requests and replies, which both sides keep to.
 *
 * A request is any message with `reply-to` and `correlation-id`. Its reply goes to the default exchange with `reply-to` as
 * routing key, carries the same `correlation-id`, and its body is what the handler returned, written by content type like
 * any other payload; nothing at all is an empty body without a content type. That much is what Spring AMQP and golevelup
 * do, so they understand each other's values.
 *
 * A failure is a reply with the header `x-rpc-error: true` and the JSON body { status: 'error', message, name, data? }.
 * The header is what makes it one, so that no value can be mistaken for a failure; the body is the one that golevelup's
 * replyErrorCallback and Nest's RPC exceptions have, so that other clients can read it.
 */

/** The header that marks a reply as a failure. */
const ERROR_HEADER = 'x-rpc-error';

/** A reply as it goes out; `reply-to` and `correlation-id` are the sender's to add. */
export interface EncodedReply {
  readonly body: Uint8Array;
  readonly properties: Pick<MessageProperties, 'contentType' | 'headers'>;
}

/** What the handler returned. @throws SerializationError */
export function encodeReply(serializers: MessageSerializers, value: unknown): EncodedReply {
  if (value === undefined) return { body: new Uint8Array(), properties: {} };
  const { body, contentType } = serializers.encode(value);
  return { body, properties: { contentType } };
}

/**
 * What the handler threw: name and message, and what an `RpcException` or `HttpException` says beyond that. Never its
 * stack, and nothing of a thrown value that is no error.
 */
export function encodeErrorReply(error: unknown): EncodedReply {
  const name = error instanceof Error ? error.name : 'Error';
  const message = error instanceof Error ? error.message : 'the handler has failed';
  const data = dataOf(error);
  const reply = { status: 'error', message, name, ...(data === undefined ? {} : { data }) };
  const properties = { contentType: 'application/json', headers: { [ERROR_HEADER]: true } };
  return { body: Buffer.from(stringify(reply) ?? stringify({ ...reply, data: undefined })!), properties };
}

/** Undefined for what JSON has no form for: a reply without data is better than none. */
function stringify(reply: object): string | undefined {
  try {
    return JSON.stringify(reply);
  } catch {
    return undefined;
  }
}

/** The value of a reply. @throws RpcRemoteError when it is a failure, UndecodableMessageError */
export function decodeReply(serializers: MessageSerializers, { body, properties }: Delivery): unknown {
  if (properties.headers?.[ERROR_HEADER] !== true) {
    return body.length === 0 && properties.contentType === undefined ? undefined : serializers.decode(body, properties);
  }
  const reply = serializers.decode(body, { contentType: 'application/json' }) as Record<string, unknown> | null;
  throw new RpcRemoteError(String(reply?.['message']), String(reply?.['name'] ?? 'Error'), reply?.['data']);
}

/** Duck-typed, because `RpcException` is in an optional package. */
function dataOf(error: unknown): unknown {
  const { getError, getResponse } = (error ?? {}) as { getError?: unknown; getResponse?: unknown };
  const data: unknown = typeof getError === 'function' ? getError.call(error) : undefined;
  if (data !== undefined) return data;
  return typeof getResponse === 'function' ? (getResponse.call(error) as unknown) : undefined;
}
