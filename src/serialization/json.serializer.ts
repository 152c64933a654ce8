import { Buffer } from 'node:buffer';
import type { MessageSerializer } from './message-serializer.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** `application/json` and everything that says it is JSON underneath (`application/cloudevents+json`, RFC 6839). */
export const jsonSerializer: MessageSerializer = {
  accepts: ({ mediaType }) => mediaType === 'application/json' || mediaType.endsWith('+json'),

  serialize(payload) {
    const json: string | undefined = JSON.stringify(payload);
    if (json === undefined) throw new TypeError(`JSON has no form for ${typeof payload}: send null, or an object`);
    return Buffer.from(json);
  },

  // JSON is UTF-8 (RFC 8259, section 8.1), so a charset parameter changes nothing.
  deserialize: (body) => JSON.parse(utf8.decode(body)) as unknown,
};
