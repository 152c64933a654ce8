import type { Buffer } from 'node:buffer';
import { types } from 'node:util';
import type { MessageProperties } from '../../lib/client/index.js';
import { bytesSerializer } from './bytes.serializer.js';
import { parseContentType, type ContentType } from './content-type.js';
import { jsonSerializer } from './json.serializer.js';
import type { MessageSerializer } from './message-serializer.js';
import { SerializationError, UndecodableMessageError } from './serialization.errors.js';
import { textSerializer } from './text.serializer.js';

/** How an application's messages are serialized. */
export interface SerializationOptions {
  /** Asked before the built-in ones for JSON, text and bytes, in this order. */
  readonly serializers?: readonly MessageSerializer[];
  /** What to take messages for that name no content type. Default: bytes, `application/octet-stream`. */
  readonly defaultContentType?: string;
}

/** A payload as it goes out. */
export interface EncodedPayload {
  readonly body: Uint8Array;
  readonly contentType: string;
}

/** A content type, and who serializes it. */
interface Choice {
  readonly parsed: ContentType;
  readonly serializer: MessageSerializer;
}

/** Content types whose serializer is remembered. Senders name them, so there is no end to how many there may be. */
const MAX_CHOICES = 100;

/** Chooses the serializer: on the way in by content type, on the way out by content type or else by the payload. */
export class MessageSerializers {
  readonly #serializers: readonly MessageSerializer[];
  readonly #defaultContentType: string | undefined;
  /** To take a content type apart and ask each serializer took as long as to write its JSON. */
  readonly #choices = new Map<string, Choice>();

  constructor(options: SerializationOptions) {
    this.#serializers = [...(options.serializers ?? []), jsonSerializer, textSerializer, bytesSerializer];
    this.#defaultContentType = options.defaultContentType;
  }

  /** @throws SerializationError */
  encode(payload: unknown, contentType?: string): EncodedPayload {
    // Bytes are encoded already, whatever type they are said to have.
    if (types.isUint8Array(payload)) return { body: payload, contentType: contentType ?? 'application/octet-stream' };
    contentType ??= typeof payload === 'string' ? 'text/plain' : 'application/json';
    try {
      const { serializer, parsed } = this.#choose(contentType);
      return { body: serializer.serialize(payload, parsed), contentType };
    } catch (cause) {
      const reason = cause instanceof Error ? `: ${cause.message}` : '';
      throw new SerializationError(`The payload cannot be sent as '${contentType}'${reason}`, { cause });
    }
  }

  /** @throws UndecodableMessageError */
  decode(body: Buffer, { contentType = this.#defaultContentType, contentEncoding }: MessageProperties): unknown {
    try {
      const { serializer, parsed } = this.#choose(contentType ?? 'application/octet-stream');
      return serializer.deserialize(body, parsed);
    } catch (cause) {
      const encoding = contentEncoding === undefined ? '' : ` with content encoding '${contentEncoding}'`;
      throw new UndecodableMessageError(`its ${body.length} bytes are not valid '${contentType}'${encoding}`, {
        cause,
      });
    }
  }

  #choose(contentType: string): Choice {
    const known = this.#choices.get(contentType);
    if (known) return known;
    const parsed = parseContentType(contentType);
    const serializer = this.#serializers.find((one) => one.accepts(parsed)) ?? bytesSerializer;
    const choice = { parsed, serializer };
    if (this.#choices.size >= MAX_CHOICES) this.#choices.clear();
    this.#choices.set(contentType, choice);
    return choice;
  }
}
