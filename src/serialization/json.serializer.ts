import { Buffer } from 'node:buffer';
import type { MessageSerializer } from './message-serializer.js';
import { refuseEmptied, refuseEmptiedInside } from './payload-kinds.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Handles `application/json` and types based on JSON (`application/cloudevents+json`, RFC 6839). */
export const jsonSerializer: MessageSerializer = {
  accepts: ({ mediaType }) => mediaType === 'application/json' || mediaType.endsWith('+json'),

  serialize(payload) {
    refuseEmptied(payload);
    const json: string | undefined = JSON.stringify(payload);
    if (json === undefined) throw new TypeError(`JSON cannot encode ${typeof payload}; send null or an object`);
    refuseEmptiedInside(payload, json);
    return Buffer.from(json);
  },

  // JSON is always UTF-8 (RFC 8259, section 8.1), so the charset parameter is ignored.
  deserialize: (body) => JSON.parse(utf8.decode(body)) as unknown,
};
