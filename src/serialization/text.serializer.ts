import { Buffer } from 'node:buffer';
import type { MessageSerializer } from './message-serializer.js';

/**
 * Everything `text/…`. Without a charset it is UTF-8; other charsets are read where Node knows them, and not written:
 * whoever needs one encodes the text and sends the bytes.
 */
export const textSerializer: MessageSerializer = {
  accepts: ({ mediaType }) => mediaType.startsWith('text/'),

  serialize(payload, { charset = 'utf-8' }) {
    if (typeof payload !== 'string') throw new TypeError(`text is a string, and the payload is ${typeof payload}`);
    if (charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
      throw new TypeError(`text is written as UTF-8: encode it as ${charset} yourself and send the bytes`);
    }
    return Buffer.from(payload);
  },

  deserialize: (body, { charset = 'utf-8' }) => new TextDecoder(charset, { fatal: true }).decode(body),
};
