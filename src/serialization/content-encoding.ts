import { Buffer, constants as bufferConstants } from 'node:buffer';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { hasWholeFrames } from './zstd-frames.js';
import { UndecodableMessageError } from './serialization.errors.js';

/**
 * A content encoding, by its name in the registry of HTTP (RFC 9110, section 8.4.1). `zstd` needs a Node.js that has it, from
 * 22.15 on.
 *
 * @publicApi
 */
export type ContentEncoding = 'gzip' | 'deflate' | 'br' | 'zstd';

interface Limit {
  readonly maxOutputLength: number;
}

/** One encoding of Node. */
interface Codec {
  readonly encode: (body: Uint8Array) => Buffer;
  /** Decodes outside of the event loop. Rejects with `ERR_BUFFER_TOO_LARGE` beyond the limit. */
  readonly decode: (body: Buffer, limit: Limit) => Promise<Buffer>;
  readonly decodeNow: (body: Buffer, limit: Limit) => Buffer;
}

/** The functions that Node.js has from 22.15 on. */
type Zstd = Record<'zstdCompressSync' | 'zstdDecompressSync', typeof zlib.gunzipSync> & {
  readonly zstdDecompress: typeof zlib.gunzip;
};

/** With its default, 11, brotli takes fifty times as long as gzip. */
const BROTLI_QUALITY = 4;

const gunzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const inflate = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflate);
const inflateRaw = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);
const brotliDecompress = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress);

/** `deflate` is the zlib format (RFC 1950). Some senders omit its header, whose first byte ends in 8. */
function hasHeader([first = 8]: Uint8Array): boolean {
  return (first & 0x0f) === 8;
}

function zstdCodec(): Codec | undefined {
  const { zstdCompressSync, zstdDecompressSync, zstdDecompress } = zlib as unknown as Partial<Zstd>;
  if (!zstdCompressSync || !zstdDecompressSync || !zstdDecompress) return undefined;
  const decode = promisify<Uint8Array, Limit, Buffer>(zstdDecompress);
  return {
    encode: (body) => zstdCompressSync(body),
    decode: async (body, limit) => decode(whole(body), limit),
    decodeNow: (body, limit) => zstdDecompressSync(whole(body), limit),
  };
}

/** @throws RangeError */
function whole(body: Buffer): Buffer {
  if (hasWholeFrames(body)) return body;
  throw new RangeError('the frames of zstd are not whole');
}

/** Undefined for an encoding that this Node.js does not have. */
const CODECS: Readonly<Record<ContentEncoding, Codec | undefined>> = {
  gzip: { encode: (body) => zlib.gzipSync(body), decode: gunzip, decodeNow: zlib.gunzipSync },
  deflate: {
    encode: (body) => zlib.deflateSync(body),
    decode: (body, limit) => (hasHeader(body) ? inflate : inflateRaw)(body, limit),
    decodeNow: (body, limit) => (hasHeader(body) ? zlib.inflateSync : zlib.inflateRawSync)(body, limit),
  },
  br: {
    encode: (body) =>
      zlib.brotliCompressSync(body, {
        params: {
          [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
          [zlib.constants.BROTLI_PARAM_SIZE_HINT]: body.length,
        },
      }),
    decode: brotliDecompress,
    decodeNow: zlib.brotliDecompressSync,
  },
  zstd: zstdCodec(),
};

export const CONTENT_ENCODINGS = Object.keys(CODECS) as readonly ContentEncoding[];

const isContentEncoding = (name: string): name is ContentEncoding => Object.hasOwn(CODECS, name);

/** Returns true if this Node.js has the encoding. */
export function isAvailable(encoding: ContentEncoding): boolean {
  return CODECS[encoding] !== undefined;
}

/**
 * Names that change nothing. Clients such as Celery and Spring AMQP also send the charset of a text as the content
 * encoding.
 */
const PLAIN: ReadonlySet<string> = new Set(['', 'identity', 'binary', '7bit', '8bit', 'utf-8', 'utf8']);

function isPlain(name: string): boolean {
  if (PLAIN.has(name)) return true;
  try {
    return new TextDecoder(name).encoding !== '';
  } catch {
    return false;
  }
}

/**
 * Returns the encoding that the property `content-encoding` names; undefined if the body is not encoded, as with the name of
 * a charset.
 *
 * @throws UndecodableMessageError for an encoding that is unknown, or that this Node.js does not have
 */
export function contentEncodingOf(property: string): ContentEncoding | undefined {
  const given = property.trim().toLowerCase();
  const name = given === 'x-gzip' ? 'gzip' : given;
  if (isContentEncoding(name)) {
    if (isAvailable(name)) return name;
    throw new UndecodableMessageError(`its content encoding '${name}' needs a newer Node.js than ${process.version}`);
  }
  if (isPlain(name)) return undefined;
  const known = CONTENT_ENCODINGS.filter(isAvailable).join(', ');
  throw new UndecodableMessageError(`its content encoding '${property}' is not known; known are ${known}`);
}

/** Encodes a body at once, so that messages leave in the order of their publishes. */
export function encodeBody(body: Uint8Array, encoding: ContentEncoding): Buffer {
  return CODECS[encoding]!.encode(body);
}

/** Bodies that are decoded at once. libuv has as many threads by default, so more would only take memory. */
const MAX_DECODING = 4;

/**
 * Decodes bodies within a limit of their decoded size. Decoding ends at the limit, and few bodies are decoded at once, so
 * the memory is bounded, however small a body is that would become large.
 */
export class BodyDecoder {
  private decoding = 0;
  private readonly waiting: (() => void)[] = [];

  /** @param limit maximum size of a decoded body in bytes */
  constructor(private readonly limit: number) {}

  /** @throws UndecodableMessageError if the body is malformed, or its decoded size exceeds the limit */
  async decode(body: Buffer, encoding: ContentEncoding): Promise<Buffer> {
    if (this.decoding >= MAX_DECODING) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.decoding++;
    try {
      return await CODECS[encoding]!.decode(body, within(this.limit));
    } catch (error) {
      throw undecodable(error, body, encoding, this.limit);
    } finally {
      // The next one takes this turn.
      const next = this.waiting.shift();
      if (next) next();
      else this.decoding--;
    }
  }

  /**
   * Decodes at once, and blocks the event loop meanwhile.
   *
   * @param most maximum size of the decoded body in bytes, if that is less than the limit
   * @throws UndecodableMessageError as {@link decode}
   */
  decodeNow(body: Buffer, encoding: ContentEncoding, most: number): Buffer {
    const limit = Math.min(most, this.limit);
    try {
      return CODECS[encoding]!.decodeNow(body, within(limit));
    } catch (error) {
      throw undecodable(error, body, encoding, limit);
    }
  }
}

/** zlib takes no limit of 0, and none beyond the largest buffer. */
function within(limit: number): Limit {
  return { maxOutputLength: Math.min(Math.max(1, limit), bufferConstants.MAX_LENGTH) };
}

function undecodable(cause: unknown, body: Buffer, encoding: ContentEncoding, limit: number): UndecodableMessageError {
  const tooLarge = (cause as { readonly code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE';
  const text = tooLarge
    ? `its ${body.length} bytes with content encoding '${encoding}' exceed the limit of ${limit} decoded bytes (maxMessageSize)`
    : `its ${body.length} bytes are not valid '${encoding}', its content encoding`;
  return new UndecodableMessageError(text, { cause });
}
