import { ConfigurationError } from '../../lib/client/index.js';
import { namesOf } from '../../lib/option-names/index.js';
import { byteSize, type ByteSize } from '../common/byte-size.js';
import { refuseUnknown } from '../common/known-options.js';
import { expectValue, OBJECT, oneOf } from '../common/option-values.js';
import {
  CONTENT_ENCODINGS,
  contentEncodingOf,
  encodeBody,
  isAvailable,
  type ContentEncoding,
} from './content-encoding.js';
import type { EncodedPayload } from './message-serializers.js';
import { isBytes } from './payload-kinds.js';
import { SerializationError } from './serialization.errors.js';

/**
 * Compression of bodies from a size on.
 *
 * @publicApi
 */
export interface CompressOptions {
  /** `gzip`, `deflate`, `br` or, from Node.js 22.15 on, `zstd`. */
  readonly encoding: ContentEncoding;
  /** Bodies of at least this size are compressed: bytes, or a text such as `'1KB'`. Default 1 KB. */
  readonly from?: ByteSize;
}

/**
 * Compression of bodies: an encoding, which compresses bodies of 1 KB and more, or {@link CompressOptions}; false for none.
 *
 * @publicApi
 */
export type Compress = ContentEncoding | CompressOptions | false;

/** Checked {@link Compress}; undefined for none. */
export interface Compression {
  readonly encoding: ContentEncoding;
  /** Bytes. */
  readonly from: number;
}

const KNOWN = namesOf({ encoding: 0, from: 0 } satisfies Record<keyof CompressOptions, 0>);
const ENCODING = oneOf(...CONTENT_ENCODINGS);

/** @param what the option, for errors @throws ConfigurationError */
export function checkedCompression(what: string, compress: Compress | undefined): Compression | undefined {
  if (compress === undefined || compress === false) return undefined;
  if (typeof compress !== 'string') {
    expectValue(what, compress, {
      ...OBJECT,
      expected: `${ENCODING.expected}, an object with encoding and from, or false`,
    });
    refuseUnknown(what, compress, KNOWN);
  }
  const { encoding, from = '1KB' } = typeof compress === 'string' ? { encoding: compress } : compress;
  expectValue(`${what}: encoding`, encoding, ENCODING);
  if (!isAvailable(encoding)) {
    throw new ConfigurationError(`${what}: '${encoding}' needs a newer Node.js than ${process.version}`);
  }
  return { encoding, from: byteSize(from, `${what}: from`) };
}

/** The options of one message that say how its body is encoded. */
export interface EncodingChoice {
  /** The property of the message. A payload that is not bytes is encoded as it says; bytes are encoded already. */
  readonly contentEncoding?: string | undefined;
  /** Has no effect with `contentEncoding`, or if the body would not become smaller. */
  readonly compression?: Compression | undefined;
}

/** Compresses the body of a message if its options say so. @throws SerializationError */
export function compressed(
  payload: unknown,
  plain: EncodedPayload,
  { contentEncoding, compression }: EncodingChoice,
): EncodedPayload {
  const { body, contentType } = plain;
  if (contentEncoding !== undefined) {
    const encoding = isBytes(payload) ? undefined : namedEncoding(contentEncoding);
    return encoding === undefined ? plain : { body: encodeBody(body, encoding), contentType, contentEncoding };
  }
  if (!compression || body.length < compression.from) return plain;
  const { encoding } = compression;
  const smaller = encodeBody(body, encoding);
  return smaller.length < body.length ? { body: smaller, contentType, contentEncoding: encoding } : plain;
}

/** A payload that is labelled with an encoding which it does not have would be undecodable. */
function namedEncoding(contentEncoding: string): ContentEncoding | undefined {
  try {
    return contentEncodingOf(contentEncoding);
  } catch (cause) {
    throw new SerializationError(
      `The payload cannot be sent with content encoding '${contentEncoding}': encode it yourself and send the bytes`,
      { cause },
    );
  }
}
