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
  /**
   * The content type assumed when a message has none. Default: a body that is a JSON object or array is decoded, since most
   * clients that name no content type send JSON; every other body stays bytes. `'application/octet-stream'` leaves all bytes.
   */
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

const JSON_TYPE = parseContentType('application/json');
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
const BRACE = 0x7b;
const BRACKET = 0x5b;

/** A JSON object or array, decoded. Anything else stays bytes: a bare number or word may be text that means something else. */
function jsonOrBytes(body: Buffer): unknown {
  const first = body.findIndex((byte) => !SPACES.has(byte));
  if (body[first] !== BRACE && body[first] !== BRACKET) return body;
  try {
    return jsonSerializer.deserialize(body, JSON_TYPE);
  } catch {
    return body;
  }
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
    if (contentType === undefined) return contentEncoding === undefined ? jsonOrBytes(body) : body;
    try {
      const { serializer, parsed } = this.#choose(contentType);
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
