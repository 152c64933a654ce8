import type { Buffer } from 'node:buffer';
import { types } from 'node:util';
import type { MessageProperties } from '../../lib/client/index.js';
import type { AmqpModuleOptions } from '../module/amqp-module.options.js';
import { bytesSerializer } from './bytes.serializer.js';
import { parseContentType, type ContentType } from './content-type.js';
import { jsonSerializer } from './json.serializer.js';
import type { MessageSerializer } from './message-serializer.js';
import { SerializationError, UndecodableMessageError } from './serialization.errors.js';
import { textSerializer } from './text.serializer.js';

/** A payload as it goes out. */
export interface EncodedPayload {
  readonly body: Uint8Array;
  readonly contentType: string;
}

/** Chooses the serializer: on the way in by content type, on the way out by content type or else by the payload. */
export class MessageSerializers {
  readonly #serializers: readonly MessageSerializer[];
  readonly #defaultContentType: string | undefined;

  constructor(options: Pick<AmqpModuleOptions, 'serializers' | 'defaultContentType'>) {
    this.#serializers = [...(options.serializers ?? []), jsonSerializer, textSerializer, bytesSerializer];
    this.#defaultContentType = options.defaultContentType;
  }

  /** @throws SerializationError */
  encode(payload: unknown, contentType?: string): EncodedPayload {
    // Bytes are encoded already, whatever type they are said to have.
    if (types.isUint8Array(payload)) return { body: payload, contentType: contentType ?? 'application/octet-stream' };
    contentType ??= typeof payload === 'string' ? 'text/plain' : 'application/json';
    const parsed = parseContentType(contentType);
    try {
      return { body: this.#serializerFor(parsed).serialize(payload, parsed), contentType };
    } catch (cause) {
      const reason = cause instanceof Error ? `: ${cause.message}` : '';
      throw new SerializationError(`The payload cannot be sent as '${contentType}'${reason}`, { cause });
    }
  }

  /** @throws UndecodableMessageError */
  decode(body: Buffer, { contentType = this.#defaultContentType, contentEncoding }: MessageProperties): unknown {
    const parsed = parseContentType(contentType ?? 'application/octet-stream');
    try {
      return this.#serializerFor(parsed).deserialize(body, parsed);
    } catch (cause) {
      const encoding = contentEncoding === undefined ? '' : ` with content encoding '${contentEncoding}'`;
      throw new UndecodableMessageError(`its ${body.length} bytes are not valid '${contentType}'${encoding}`, {
        cause,
      });
    }
  }

  #serializerFor(contentType: ContentType): MessageSerializer {
    return this.#serializers.find((serializer) => serializer.accepts(contentType)) ?? bytesSerializer;
  }
}
