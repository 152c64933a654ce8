import type { Buffer } from 'node:buffer';
import type { MessageProperties } from '../../lib/client/index.js';
import { isThenable } from '../common/thenable.js';
import { BodyDecoder, contentEncodingOf } from './content-encoding.js';
import { bytesSerializer } from './bytes.serializer.js';
import { parseContentType, type ContentType } from './content-type.js';
import { jsonSerializer } from './json.serializer.js';
import type { MessageSerializer } from './message-serializer.js';
import { bytesOf, isBytes, refusePromise } from './payload-kinds.js';
import { SerializationError, UndecodableMessageError } from './serialization.errors.js';
import { textSerializer } from './text.serializer.js';

/** Options for the serialization of the application's messages. */
export interface SerializationOptions {
  /** Serializers, tried in this order before the built-in ones for JSON, text and bytes. Default: none. */
  readonly serializers?: readonly MessageSerializer[];
  /**
   * Content type assumed when a message has none. By default, a body that is a JSON object or array is parsed, since
   * most clients that send no content type send JSON; any other body is delivered as bytes.
   * `'application/octet-stream'` delivers every such body as bytes.
   */
  readonly defaultContentType?: string;
}

/** An encoded payload. */
export interface EncodedPayload {
  readonly body: Uint8Array;
  readonly contentType: string;
  /** Set if the body was compressed. */
  readonly contentEncoding?: string | undefined;
}

/** A content type and its serializer. */
interface Choice {
  readonly parsed: ContentType;
  readonly serializer: MessageSerializer;
}

const JSON_TYPE = parseContentType('application/json');
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
const BRACE = 0x7b;
const BRACKET = 0x5b;

/**
 * Parses a JSON object or array. Any other body stays bytes: a bare number or word may be text with another meaning.
 */
function jsonOrBytes(body: Buffer): unknown {
  const first = body.findIndex((byte) => !SPACES.has(byte));
  if (body[first] !== BRACE && body[first] !== BRACKET) return body;
  try {
    return jsonSerializer.deserialize(body, JSON_TYPE);
  } catch {
    return body;
  }
}

function notOf(
  contentType: string,
  contentEncoding: string | undefined,
  body: Buffer,
  cause: unknown,
): UndecodableMessageError {
  const encoding = contentEncoding === undefined ? '' : ` with content encoding '${contentEncoding}'`;
  return new UndecodableMessageError(`its ${body.length} bytes are not valid '${contentType}'${encoding}`, { cause });
}

/** The client's default of `maxMessageSize`, bytes. */
const MAX_MESSAGE_SIZE = 128 * 1024 * 1024;
/** Maximum size of a body that is decoded at once, bytes. */
const MOST_AT_ONCE = 16 * 1024 * 1024;

/** Limit of cached content types. Senders choose content types, so their number has no limit. */
const MAX_CHOICES = 100;

/**
 * Chooses the serializer: for incoming messages by content type, for outgoing ones by content type or, without one, by
 * payload.
 */
export class MessageSerializers {
  readonly #serializers: readonly MessageSerializer[];
  readonly #defaultContentType: string | undefined;
  readonly #decoder: BodyDecoder;
  /** Caches choices: parsing a content type and asking each serializer took as long as writing the JSON. */
  readonly #choices = new Map<string, Choice>();

  /** @param maxMessageSize maximum size of a decoded body in bytes. Default: the client's */
  constructor(options: SerializationOptions, maxMessageSize = MAX_MESSAGE_SIZE) {
    this.#serializers = [...(options.serializers ?? []), jsonSerializer, textSerializer, bytesSerializer];
    this.#defaultContentType = options.defaultContentType;
    this.#decoder = new BodyDecoder(maxMessageSize);
  }

  /** @throws SerializationError */
  encode(payload: unknown, contentType?: string): EncodedPayload {
    // Bytes are sent unchanged, whatever their content type.
    if (isBytes(payload)) return { body: bytesOf(payload), contentType: contentType ?? 'application/octet-stream' };
    contentType ??= typeof payload === 'string' ? 'text/plain' : 'application/json';
    try {
      refusePromise(payload);
      const { serializer, parsed } = this.#choose(contentType);
      return { body: serializer.serialize(payload, parsed), contentType };
    } catch (cause) {
      const reason = cause instanceof Error ? `: ${cause.message}` : '';
      throw new SerializationError(`The payload cannot be sent as '${contentType}'${reason}`, { cause });
    }
  }

  /**
   * Returns the payload. Returns a promise only for a body with a content encoding, or of an asynchronous serializer.
   *
   * @throws UndecodableMessageError
   */
  decode(body: Buffer, properties: MessageProperties): unknown {
    const { contentEncoding } = properties;
    const encoding = contentEncoding === undefined ? undefined : contentEncodingOf(contentEncoding);
    if (encoding === undefined) return this.#deserialize(body, properties);
    return this.#decoder.decode(body, encoding).then((plain) => this.#deserialize(plain, properties));
  }

  /**
   * Returns the payload at once, for people who look at it.
   *
   * @throws UndecodableMessageError also if the decoded body exceeds 16 MB, or the serializer is asynchronous
   */
  decodeNow(body: Buffer, properties: MessageProperties): unknown {
    const payload = this.#deserialize(this.plainNow(body, properties), properties);
    if (!isThenable(payload)) return payload;
    // Nobody waits for it.
    payload.then(undefined, () => {});
    throw new UndecodableMessageError('its serializer is asynchronous');
  }

  /**
   * Returns the body without its content encoding.
   *
   * @throws UndecodableMessageError also if it exceeds 16 MB
   */
  plainNow(body: Buffer, { contentEncoding }: MessageProperties): Buffer {
    const encoding = contentEncoding === undefined ? undefined : contentEncodingOf(contentEncoding);
    return encoding === undefined ? body : this.#decoder.decodeNow(body, encoding, MOST_AT_ONCE);
  }

  #deserialize(body: Buffer, { contentType = this.#defaultContentType, contentEncoding }: MessageProperties): unknown {
    if (contentType === undefined) return jsonOrBytes(body);
    try {
      const { serializer, parsed } = this.#choose(contentType);
      const payload = serializer.deserialize(body, parsed, contentEncoding);
      if (!isThenable(payload)) return payload;
      return payload.then(undefined, (cause: unknown) => {
        throw notOf(contentType, contentEncoding, body, cause);
      });
    } catch (cause) {
      throw notOf(contentType, contentEncoding, body, cause);
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
