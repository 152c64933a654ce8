import { Buffer } from 'node:buffer';
import type { MessageSerializer } from './message-serializer.js';

/**
 * Handles `text/…`. Text without a charset is UTF-8. Other charsets are read if Node knows them; they are never
 * written, so encode such text yourself and send the bytes.
 */
export const textSerializer: MessageSerializer = {
  accepts: ({ mediaType }) => mediaType.startsWith('text/'),

  serialize(payload, { charset = 'utf-8' }) {
    if (typeof payload !== 'string')
      throw new TypeError(`a text message needs a string; the payload is ${typeof payload}`);
    if (charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
      throw new TypeError(`text is written as UTF-8; for ${charset}, encode the text yourself and send the bytes`);
    }
    // UTF-8 has no form for it, and Buffer.from() would send another character.
    if (!payload.isWellFormed()) throw new TypeError('the text has a lone surrogate, which UTF-8 cannot encode');
    return Buffer.from(payload);
  },

  deserialize: (body, { charset = 'utf-8' }) => new TextDecoder(charset, { fatal: true }).decode(body),
};
