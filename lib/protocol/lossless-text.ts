import { Buffer, isUtf8 } from 'node:buffer';

/**
 * Short strings that are not UTF-8. AMQP asks for UTF-8 but RabbitMQ passes on whatever bytes a message's
 * properties and headers have: a binary correlation id, a header's name in Latin-1. Read as UTF-8 such bytes would become U+FFFD and be lost to whoever
 * forwards the message. Here a byte 0x80…0xFF that is no UTF-8 is read as the lone surrogate U+DC80…U+DCFF, which no
 * Unicode text has, and written back as that byte. (Python knows this as "surrogateescape", PEP 383.)
 */

/** Short strings as a rule are UTF-8, and then this costs one look for U+FFFD. */
export function decodeText(buffer: Buffer, start: number, end: number): string {
  const text = buffer.toString('utf8', start, end);
  return text.includes('\ufffd') ? decodeEscaped(buffer.subarray(start, end)) : text;
}

/** The bytes of a text that is not well-formed Unicode; undefined when it has other surrogates than `decodeText` makes. */
export function encodeEscaped(text: string): Buffer | undefined {
  // With the flag `u` a surrogate pair is one character, so that only lone ones are found.
  const parts = text.split(/([\udc80-\udcff])/u);
  if (!parts.every((part, index) => index % 2 === 1 || part.isWellFormed())) return undefined;
  return Buffer.concat(
    parts.map((part, index) => (index % 2 === 1 ? Buffer.of(part.charCodeAt(0) & 0xff) : Buffer.from(part))),
  );
}

function decodeEscaped(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const size = sequenceAt(bytes, at);
    text += size > 0 ? bytes.toString('utf8', at, at + size) : String.fromCharCode(0xdc00 + bytes[at]!);
    at += size || 1;
  }
  return text;
}

/** The length of the UTF-8 sequence that begins there; 0 where none does. */
function sequenceAt(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  const size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  return size > 0 && at + size <= bytes.length && isUtf8(bytes.subarray(at, at + size)) ? size : 0;
}
