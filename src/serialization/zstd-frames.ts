import type { Buffer } from 'node:buffer';

const MAGIC = 0xfd2f_b528;
/** The last four bits of the magic number of a skippable frame are free. */
const SKIPPABLE = 0x184d_2a50;
const RUN = 1;
const RESERVED = 3;
const DICTIONARY_ID_SIZES = [0, 1, 2, 4] as const;
const CHECKSUM_SIZE = 4;

/**
 * Returns true if the body consists of whole zstd frames (RFC 8878, section 3.1). Node.js reports no error for a frame that
 * ends too early: it returns the part that it could decode.
 */
export function hasWholeFrames(body: Buffer): boolean {
  let at = 0;
  try {
    do {
      const end = endOfFrame(body, at);
      if (end === undefined) return false;
      at = end;
    } while (at < body.length);
  } catch {
    // A read beyond the end of the body.
    return false;
  }
  return at === body.length;
}

/** Returns undefined for what is no frame. @throws RangeError if the frame ends too early */
function endOfFrame(body: Buffer, begin: number): number | undefined {
  const magic = body.readUInt32LE(begin);
  if (magic >>> 4 === SKIPPABLE >>> 4) return begin + 8 + body.readUInt32LE(begin + 4);
  if (magic !== MAGIC) return undefined;
  const descriptor = body.readUInt8(begin + 4);
  let at = begin + 5 + restOfHeader(descriptor);
  for (let last = false; !last;) {
    const block = body.readUIntLE(at, 3);
    last = (block & 1) === 1;
    const type = (block >>> 1) & 3;
    if (type === RESERVED) return undefined;
    at += 3 + (type === RUN ? 1 : block >>> 3);
  }
  return (descriptor & 4) === 0 ? at : at + CHECKSUM_SIZE;
}

/** Returns the bytes of window descriptor, dictionary id and content size. */
function restOfHeader(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0;
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  return (single ? 0 : 1) + DICTIONARY_ID_SIZES[(descriptor & 3) as 0 | 1 | 2 | 3] + contentSize;
}
