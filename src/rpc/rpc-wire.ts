import { Buffer } from 'node:buffer';
import type { Delivery, MessageProperties } from '../../lib/client/index.js';
import { isThenable } from '../common/thenable.js';
import type { MessageSerializers } from '../serialization/message-serializers.js';
import type { ToldError } from './told-error.js';
import { RpcRemoteError } from './rpc.errors.js';

/*
 * The format of requests and replies, for both sides.
 *
 * A request is any message with `reply-to` and `correlation-id`. Its reply goes to the default exchange with `reply-to`
 * as the routing key and the same `correlation-id`. The body is the handler's result, encoded by content type as any
 * payload is; a result of undefined is an empty body without a content type. Spring AMQP and golevelup use the same
 * format for values.
 *
 * A failure is a reply with the header `x-rpc-error: true` and the JSON body { status: 'error', message, name, data?, statusCode?, id? }.
 * Only the header marks a failure, so a value is never mistaken for one. The body has the form of golevelup's
 * replyErrorCallback and of Nest's RPC exceptions, so other clients can read it.
 */

/** The header that marks a reply as a failure. */
const ERROR_HEADER = 'x-rpc-error';

/** An encoded reply. The sender adds `reply-to` and `correlation-id`. */
export interface EncodedReply {
  readonly body: Uint8Array;
  readonly properties: Pick<MessageProperties, 'contentType' | 'headers'>;
}

/** Encodes the handler's result. @throws SerializationError */
export function encodeReply(serializers: MessageSerializers, value: unknown): EncodedReply {
  if (value === undefined) return { body: new Uint8Array(), properties: {} };
  const { body, contentType } = serializers.encode(value);
  return { body, properties: { contentType } };
}

/** Encodes what the requester learns of the handler's error. */
export function encodeErrorReply({ message, name, data, statusCode, id }: ToldError): EncodedReply {
  const reply = { status: 'error', message, name, data, statusCode, id };
  const properties = { contentType: 'application/json', headers: { [ERROR_HEADER]: true } };
  return { body: Buffer.from(stringify(reply) ?? stringify({ ...reply, data: undefined })!), properties };
}

/** Returns undefined if JSON cannot encode the value: a reply without data is better than no reply. */
function stringify(reply: object): string | undefined {
  try {
    return JSON.stringify(reply);
  } catch {
    return undefined;
  }
}

/**
 * Decodes the value of a reply, see {@link MessageSerializers.decode}.
 *
 * @throws RpcRemoteError if the reply is a failure
 * @throws UndecodableMessageError
 */
export function decodeReply(serializers: MessageSerializers, { body, properties }: Delivery): unknown {
  if (properties.headers?.[ERROR_HEADER] !== true) {
    return body.length === 0 && properties.contentType === undefined ? undefined : serializers.decode(body, properties);
  }
  const reply = serializers.decode(body, { contentType: 'application/json' });
  if (isThenable(reply)) return reply.then(throwRemoteError);
  return throwRemoteError(reply);
}

function throwRemoteError(reply: unknown): never {
  const { message, name = 'Error', data, statusCode, id } = (reply ?? {}) as Record<string, unknown>;
  throw new RpcRemoteError(String(message), String(name), data, {
    statusCode: typeof statusCode === 'number' ? statusCode : undefined,
    errorId: typeof id === 'string' ? id : undefined,
  });
}
